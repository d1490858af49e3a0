package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/millrun/millrun/examples/flights"
)

func TestDemoIsKilledRecoversAndAgrees(t *testing.T) {
	dir := t.TempDir()
	code, out, err := millrun(t, "demo", "--dir", dir, "-o", "json")
	if code != exitOK {
		t.Fatalf("code %d, error %s, output %s", code, err, out)
	}
	var r report
	if fault := json.Unmarshal([]byte(out), &r); fault != nil {
		t.Fatalf("%v in %s", fault, out)
	}
	if r.Records != flights.Records || r.Kills != 3 || r.Seconds <= 0 || r.Rate <= 0 || len(r.Checks) < 20 {
		t.Errorf("%d records, %d kills, %v seconds, %v/s, %d checks", r.Records, r.Kills, r.Seconds, r.Rate, len(r.Checks))
	}
	if got := strings.Count(err, "killed the child"); got != 3 {
		t.Errorf("standard error tells of %d kills, want 3:\n%s", got, err)
	}
	if _, fault := os.Stat(dir); fault != nil {
		t.Errorf("the directory that was named is gone: %v", fault)
	}
	code, out, err = millrun(t, "log", "check", dir+"/log")
	if code != exitOK || out != "" || !strings.HasPrefix(err, "no damage found in ") {
		t.Errorf("log check: code %d, error %s, output %s", code, err, out)
	}
}
