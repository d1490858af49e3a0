package levelfs

import (
	"strconv"
	"strings"

	"github.com/syndtr/goleveldb/leveldb/storage"
)

// parseName reads the names that storage.FileDesc.String writes: MANIFEST-000004, 000012.log, 000013.ldb, 000014.tmp.
func parseName(name string) (storage.FileDesc, bool) {
	if digits, ok := strings.CutPrefix(name, "MANIFEST-"); ok {
		return numbered(digits, storage.TypeManifest)
	}
	for suffix, kind := range map[string]storage.FileType{
		".log": storage.TypeJournal,
		".ldb": storage.TypeTable,
		".tmp": storage.TypeTemp,
	} {
		if digits, ok := strings.CutSuffix(name, suffix); ok {
			return numbered(digits, kind)
		}
	}
	return storage.FileDesc{}, false
}

func numbered(digits string, kind storage.FileType) (storage.FileDesc, bool) {
	n, err := strconv.ParseUint(digits, 10, 63)
	fd := storage.FileDesc{Type: kind, Num: int64(n)}
	return fd, err == nil
}
