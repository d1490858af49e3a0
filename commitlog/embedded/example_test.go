package embedded_test

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog/embedded"
)

// One process at a time has a directory.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := embedded.Open(filepath.Join(dir, "log")) // made if it is missing
	if err != nil {
		log.Fatal(err)
	}
	_, err = embedded.Open(filepath.Join(dir, "log"))
	fmt.Println("a second time:", err != nil)
	fmt.Println(l.Close())
	// Output:
	// a second time: true
	// <nil>
}

// Flush trades what a power cut may take for speed. A kill of the process takes nothing either way.
func ExampleOpenConfig() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := embedded.OpenConfig(dir, embedded.Config{
		Broker: brokerlite.Config{Flush: brokerlite.FlushOS},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(errors.Join(l.Broker().Err(), l.Close()))
	// Output: <nil>
}
