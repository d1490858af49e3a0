// Package kill holds no code but tests: they run real child processes, end them with SIGKILL at moments drawn from a printed
// seed, let them recover, and compare the results with those of an undisturbed fold.
//
// A child is the test binary itself, started again with the environment variable that childEnv names. It reports each few
// milliseconds how far it is; the parent decides by these reports when to kill, so the moments are spread over start,
// recovery, processing and commit on fast and on slow machines alike.
package kill
