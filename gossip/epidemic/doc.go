// Package epidemic is a pure reference core of epidemic algorithms: a database
// that many nodes hold copies of, kept alike by rumors.
package epidemic
