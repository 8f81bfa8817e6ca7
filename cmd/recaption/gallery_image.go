package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/jpeg"
	"slices"

	"recaption/internal/imaging"
	"recaption/schemas"
)

const (
	// galleryImageBytes bounds a picture in a page: larger ones are shown
	// smaller.
	galleryImageBytes = 256 << 10
	// gallerySide is the longest side of a picture that is shown smaller: twice
	// the side at which the page shows it.
	gallerySide = 512
)

// shown are the media types that browsers show.
var shown = []string{"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"}

// picture gives the image of a sample for a page, or why there is none.
func picture(s schemas.Sample) (template.URL, string) {
	b, why := pageImage(s.Image, s.MediaType)
	if why != "" {
		return "", why
	}
	if len(b) == len(s.Image) {
		return dataURI(s.MediaType, b), ""
	}
	return dataURI("image/jpeg", b), ""
}

// pageImage gives an image that browsers show, made smaller where it is large,
// or why there is none.
func pageImage(b []byte, mediaType string) ([]byte, string) {
	if len(b) == 0 {
		return nil, "no picture"
	}
	small, err := smaller(b) // of small ones too: a browser shows damage and bombs as a broken picture
	if err == nil && slices.Contains(shown, mediaType) && len(b) <= galleryImageBytes {
		return b, ""
	}
	var bad *imaging.DecodeError
	if errors.As(err, &bad) {
		return nil, string(bad.Reason)
	}
	if err != nil {
		return nil, "too large"
	}
	return small, ""
}

// dataURI is safe as a URL: both parts come from closed alphabets.
func dataURI(mediaType string, b []byte) template.URL {
	return template.URL("data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(b))
}

// smaller shrinks a picture to gallerySide.
func smaller(b []byte) ([]byte, error) {
	img, err := imaging.Decode(b, imaging.Options{Orient: true})
	if err != nil {
		return nil, err
	}
	if long := max(img.Width, img.Height); long > gallerySide {
		img = imaging.Resize(img, max(1, img.Width*gallerySide/long), max(1, img.Height*gallerySide/long), imaging.Box)
	}
	out := image.NewRGBA(image.Rect(0, 0, img.Width, img.Height))
	for i := range img.Width * img.Height {
		copy(out.Pix[4*i:], img.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 0xff
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, out, &jpeg.Options{Quality: 85}); err != nil {
		return nil, fmt.Errorf("shrink picture: %w", err)
	}
	if buf.Len() > galleryImageBytes {
		return nil, fmt.Errorf("shrink picture: %d bytes", buf.Len())
	}
	return buf.Bytes(), nil
}
