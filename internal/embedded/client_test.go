package embedded

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"
)

// s3 is just enough of a client: requests signed by Signature Version 4.
type s3 struct {
	t    testing.TB
	at   where
	http *http.Client
}

func newS3(t testing.TB, at where) *s3 {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &s3{t, at, &http.Client{Transport: tr, Timeout: 30 * time.Second}}
}

// do sends a request for a key of the bucket and returns status and body.
// header holds pairs of names and values.
func (c *s3) do(method, key string, body []byte, header ...string) (int, string) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.at.Endpoint+"/"+c.at.Bucket+"/"+key, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c.sign(req, body)
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (c *s3) put(key, body string) {
	c.t.Helper()
	if code, msg := c.do(http.MethodPut, key, []byte(body)); code != http.StatusOK {
		c.t.Fatalf("put %s: status %d: %s", key, code, msg)
	}
}

func (c *s3) wantObject(key, want string) {
	c.t.Helper()
	code, got := c.do(http.MethodGet, key, nil)
	if code != http.StatusOK || got != want {
		c.t.Fatalf("get %s: status %d, body %q; want 200 and %q", key, code, got, want)
	}
}

func (c *s3) sign(req *http.Request, body []byte) {
	sum := sha256.Sum256(body)
	payload := hex.EncodeToString(sum[:])
	now := time.Now().UTC()
	stamp, day := now.Format("20060102T150405Z"), now.Format("20060102")
	req.Header.Set("X-Amz-Date", stamp)
	req.Header.Set("X-Amz-Content-Sha256", payload)

	names := []string{"host"}
	for name := range req.Header {
		names = append(names, strings.ToLower(name))
	}
	sort.Strings(names)
	var headers strings.Builder
	for _, name := range names {
		v := req.Header.Get(name)
		if name == "host" {
			v = req.URL.Host
		}
		headers.WriteString(name + ":" + v + "\n")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{
		req.Method, req.URL.EscapedPath(), strings.ReplaceAll(url.Values(req.URL.Query()).Encode(), "+", "%20"),
		headers.String(), signed, payload,
	}, "\n")
	digest := sha256.Sum256([]byte(canonical))
	scope := day + "/" + c.at.Region + "/s3/aws4_request"
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hex.EncodeToString(digest[:])}, "\n")
	key := []byte("AWS4" + c.at.SecretKey)
	for _, part := range []string{day, c.at.Region, "s3", "aws4_request", toSign} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.at.AccessKey+"/"+scope+
		", SignedHeaders="+signed+", Signature="+hex.EncodeToString(key))
}
