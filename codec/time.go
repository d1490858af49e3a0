package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Time writes int64 nanoseconds since 1970, 8 bytes big endian, and decodes to UTC. It refuses what does not fit (before
// 1678, after 2262, and so the zero Time): it would wrap round. Scans run from the earliest to the latest.
var Time Key[time.Time] = timeCodec{}

// earliest and latest are the ends of what int64 nanoseconds can say.
var (
	earliest = time.Unix(0, math.MinInt64).UTC()
	latest   = time.Unix(0, math.MaxInt64).UTC()
)

type timeCodec struct{ int64Codec }

func (timeCodec) Format() string { return "time" }

func (timeCodec) Append(dst []byte, v time.Time) ([]byte, error) {
	if v.Before(earliest) || v.After(latest) {
		return dst, fmt.Errorf("codec time: %s is outside %s to %s", v.UTC().Format(time.RFC3339),
			earliest.Format(time.RFC3339), latest.Format(time.RFC3339))
	}
	return binary.BigEndian.AppendUint64(dst, uint64(v.UnixNano())), nil
}

func (timeCodec) Decode(data []byte) (time.Time, error) {
	u, err := eight("time", data)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(0, int64(u)).UTC(), nil
}
