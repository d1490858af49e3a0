// Package guide runs the pages of docs/guide: it follows them as a reader would, from the first page to the last, in one
// directory.
//
// Blocks of a page are told apart by their language line:
//
//	```go NAME.go     the contents of that file, below the reader's module
//	```sh             commands, run in the module; the text block behind it is what they print on standard output
//	```sh server      a command that stays in the background until the page ends, when it is interrupted and must end well
//	```text           what the commands before it print; without commands before it, prose
//	```diff NAME.go   lines to be taken out of the file of that name (-) and put in (+), between lines that stay
//
// No other Go or shell block is allowed, so every line that a page shows has been compiled or run.
package guide
