package wal

// distance counts bytes written since the newest covered record.
//
// The plain way, one entry for each round, would grow with the traffic between two checkpoints. Entries at least
// markBytes apart answer nearly as well: 4096 of them for 256 MiB.
type distance struct {
	total int64 // ever written
	base  int64 // total at the covered record
	last  LSN   // the newest record written
	marks []mark
}

// mark says that total bytes were written when the round ending with lsn was.
type mark struct {
	lsn   LSN
	total int64
}

const markBytes = 64 << 10

// add notes a round.
func (d *distance) add(last LSN, n int64) {
	d.total += n
	d.last = last
	if k := len(d.marks); k == 0 || d.total-d.marks[k-1].total >= markBytes {
		d.marks = append(d.marks, mark{lsn: last, total: d.total})
	}
}

// cover moves the base to lsn.
func (d *distance) cover(lsn LSN) {
	if lsn >= d.last {
		d.base = d.total
		d.marks = d.marks[:0]
		return
	}
	n := 0
	for n < len(d.marks) && d.marks[n].lsn <= lsn {
		d.base = d.marks[n].total
		n++
	}
	d.marks = append(d.marks[:0], d.marks[n:]...)
}

func (d *distance) bytes() int64 { return d.total - d.base }
