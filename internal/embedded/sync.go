package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/gofiber/fiber/v3"
)

// disk makes what the gateway wrote last through a power failure. Its roots
// keep every path inside them.
type disk struct {
	objects    *os.Root
	attributes *os.Root // nil where files carry their attributes themselves
}

func newDisk(objects, attributes string) (*disk, error) {
	o, err := os.OpenRoot(objects)
	if err != nil {
		return nil, err
	}
	d := &disk{objects: o}
	if attributes != "" {
		if d.attributes, err = os.OpenRoot(attributes); err != nil {
			return nil, errors.Join(err, o.Close())
		}
	}
	return d, nil
}

func (d *disk) close() {
	_ = d.objects.Close()
	if d.attributes != nil {
		_ = d.attributes.Close()
	}
}

// syncWrites stands before the gateway's handlers and syncs, after a request
// that changed an object and before its reply, what the request changed. When
// that fails the reply is an error; the object may be there all the same, as
// after any lost reply.
func (d *disk) syncWrites(c fiber.Ctx) error {
	name, ok := changed(c.Method(), c.OriginalURL())
	if err := c.Next(); err != nil || !ok || c.Response().StatusCode() >= http.StatusMultipleChoices {
		return err
	}
	if err := syncPath(d.objects, name); err != nil {
		return fmt.Errorf("sync %s: %w", name, err)
	}
	if d.attributes == nil {
		return nil
	}
	if err := syncTree(d.attributes, name); err != nil {
		return fmt.Errorf("sync attributes of %s: %w", name, err)
	}
	return nil
}

// changed names the file, bucket/key, that a request changes: by a PUT (a part
// of a multipart upload aside), by completing a multipart upload, by a DELETE.
func changed(method, target string) (name string, ok bool) {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return "", false
	}
	name = strings.Trim(path.Clean(u.Path), "/")
	if _, key, _ := strings.Cut(name, "/"); key == "" {
		return "", false
	}
	part, upload := u.Query().Has("partNumber"), u.Query().Has("uploadId")
	switch method {
	case http.MethodPut:
		return name, !part
	case http.MethodPost:
		return name, upload
	case http.MethodDelete:
		return name, !upload
	}
	return "", false
}

// syncPath syncs a file and the folders on its path: any of them may be new.
// What is not there is skipped: a DELETE takes emptied folders with it.
func syncPath(root *os.Root, name string) error {
	for ; name != "."; name = path.Dir(name) {
		if err := syncOne(root, name); err != nil {
			return err
		}
	}
	return syncOne(root, ".")
}

// syncTree syncs a folder with all that is in it, and the folders on its path.
func syncTree(root *os.Root, name string) error {
	err := fs.WalkDir(root.FS(), name, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncOne(root, p)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncPath(root, name)
}

func syncOne(root *os.Root, name string) error {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
