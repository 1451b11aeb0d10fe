package swim_test

import "flag"

// long asks for the long forms, which take minutes.
var long = flag.Bool("long", false, "also check the larger scopes")
