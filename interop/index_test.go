package interop_test

// indexDeviations concern OpenNap 0.36, of which the text's author is the author.
func indexDeviations() []deviation {
	return []deviation{
		{
			Name: "closes-without-a-word", Judgement: targetBug,
			What: "A login of which fields are missing, or a quote, ends the stream, and the client learns nothing. There " +
				"are words for it, parameters are unparsable, but they are said to users alone, and who logs in is " +
				"none yet. A bad port, a bad line and a wrong password are answered by message 0.",
			Cases: []string{"napster/login/missing-fields", "napster/login/quote-that-nothing-closes"},
			Sources: []source{
				{"opennap", "login.c:204, which at serverlib.c:333 speaks to users alone", "unparsable (con);"},
			},
		},
		{
			Name: "bit-rates-of-a-table", Judgement: laxClause,
			What: "A file's bit rate is kept as its place in a table of 18 rates, and rounded up to the next of them: 130 " +
				"kbit/s are found as 144. It saves memory; files of variable rates are found by rates that they do " +
				"not have.",
			Cases:   []string{"napster/share/of-any-bit-rate"},
			Sources: []source{{"opennap", "add_file.c:173", "if (bitrate <= BitRate[i])"}},
		},
		{
			Name: "frequencies-out-of-order", Judgement: targetBug,
			What: "The frequency is kept in the same way, but its table is not in order, and the first that is not less is " +
				"taken: 22,050 Hz, which is in the table, are found as 24,000.",
			Cases: []string{"napster/share/of-any-frequency"},
			Sources: []source{
				{"opennap", "add_file.c:21", "const int SampleRate[6] = { 16000, 24000, 22050, 32000, 44100, 48000 };"},
			},
		},
		{
			Name: "sizes-as-signed-numbers", Judgement: targetBug,
			What: "The size of a file of 2 GiB and more is written as a negative number in results, browses and matches, " +
				"though it is kept as it was said.",
			Cases: []string{"napster/share/of-three-gigabytes"},
			Sources: []source{
				{
					"opennap", "search.c:97, and likewise browse.c:29",
					`"\"%s\" %s %d %d %d %d %s %u %d", match->filename,`,
				},
			},
		},
		{
			Name: "lengths-of-16-bits", Judgement: targetBug,
			What:    "A file's length is kept in 16 bits: 20 hours are found as 1 hour and 48 minutes.",
			Cases:   []string{"napster/share/of-twenty-hours"},
			Sources: []source{{"opennap", "opennap.h:299", "unsigned short duration;"}},
		},
		{
			Name: "letters-are-zero", Judgement: laxClause,
			What: "What is no number is read as zero, here the size of a file, and the file is shared. The document asks for " +
				"errors in general terms only.",
			Cases:   []string{"napster/share/with-letters-for-a-size"},
			Sources: []source{{"opennap", "add_file.c:232", "fsize = strtoul (av[2],0,10);"}},
		},
		{
			Name: "words-within-words", Judgement: laxClause,
			What: "The files with the rarest word of a search come from an index of whole words, and the other words are then " +
				"looked for anywhere in their names. Whether a part of a word is found depends on what others share. " +
				"The document's FILENAME CONTAINS may be read as either.",
			Cases:   []string{"napster/search/words-are-whole"},
			Sources: []source{{"opennap", "search.c:297", "if (!strncasecmp (b + 1, a + 1, l - 1))"}},
		},
		{
			Name: "a-word-of-no-letters", Judgement: targetBug,
			What: "When two or more characters that belong to no word end the text of a search, as in `live (1999).`, an " +
				"empty word is read behind them, and nothing is found.",
			Cases: []string{"napster/search/text-that-ends-in-no-word"},
			Sources: []source{
				{"opennap", "search.c:150, behind which the text may have ended", "while (*s && !WORD_CHAR (*s))"},
			},
		},
		{
			Name: "consents-are-not-remembered", Judgement: laxClause,
			What: "Requests are not kept: whoever shares a file can tell any user with 608 to come for it, as often as he " +
				"likes, without having been asked. The document only says what 608 is for.",
			Cases: []string{"napster/download/consent-that-nobody-waits-for"},
			Sources: []source{
				{"opennap", "upload_complete.c:62", `send_user (recip, MSG_SERVER_FILE_READY, "%s %u %d \"%s\" %s %d",`},
			},
		},
	}
}
