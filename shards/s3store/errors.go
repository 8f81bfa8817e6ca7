package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"recaption/shards"
)

// ErrNoSpace is matched when the store could not write because it is full.
// Somebody may make room, so it is passing as well: [shards.ErrTransient].
var ErrNoSpace = errors.New("the store has no space left")

// failed turns the SDK's errors into a store's. refused is what a condition
// that did not hold means for the call.
func failed(ctx context.Context, err error, what string, refused error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	switch c := code(err); {
	case c == "NoSuchBucket":
		return fmt.Errorf("%s: %w: make it, or name another: %w", what, shards.ErrNoBucket, err)
	case c == "NoSuchKey", c == "NotFound":
		return fmt.Errorf("%s: %w", what, shards.ErrNotFound)
	case refused != nil && (c == "PreconditionFailed" || status(err) == 412):
		return fmt.Errorf("%s: %w", what, refused)
	case c == "AccessDenied", c == "InvalidAccessKeyId", c == "SignatureDoesNotMatch", c == "ExpiredToken", c == "XAdminUserNotFound": // the last is versitygw's
		return fmt.Errorf("%s: %w (%s): %w", what, shards.ErrDenied, c, err)
	case c == "InsufficientStorage", c == "QuotaExceeded", status(err) == http.StatusInsufficientStorage:
		return fmt.Errorf("%s: %w: %w; make room and try again", what, shards.ErrTransient, ErrNoSpace)
	case transient(err):
		return fmt.Errorf("%s: %w: %w", what, shards.ErrTransient, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// code is S3's name of the error, empty when the store gave none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func status(err error) int {
	var resp *smithyhttp.ResponseError
	if errors.As(err, &resp) {
		return resp.HTTPStatusCode()
	}
	return 0
}

// transient tells what the SDK tries again, and what broke on its way.
func transient(err error) bool {
	var send *smithyhttp.RequestSendError
	if broken(err) || errors.As(err, &send) {
		return true
	}
	if s := status(err); s == 409 || s == 429 || s >= 500 {
		return true
	}
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}
