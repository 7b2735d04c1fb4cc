package account

import (
	"errors"
	"time"
)

// Where a picture comes from.
const (
	PictureUpload   = "upload"   // the person gave it; it wins
	PictureProvider = "provider" // what the picture at a provider became
)

// MaxPicture bounds the bytes of a picture that is kept.
const MaxPicture = 512 << 10

// Picture is a person's picture as it is kept and served: made anew from what was sent, so
// that nothing but pixels came over.
type Picture struct {
	Hash      string // 43 characters, base64url of the SHA-256 of Bytes
	Type      string // image/png or image/jpeg
	Bytes     []byte // at most MaxPicture
	Source    string // PictureUpload or PictureProvider
	UpdatedAt time.Time
}

// PictureTry is the last attempt to have a provider's picture.
type PictureTry struct {
	Provider string
	// Address is the hash of the picture's address; "" where the provider named none.
	Address string
	At      time.Time
	Error   string // why it failed, without the address's path and query; "" when it did not
}

// Why a picture is not taken.
var (
	// ErrPictureTooLarge: more bytes than are read of any.
	ErrPictureTooLarge = errors.New("picture has too many bytes")
	// ErrPictureFormat: it is none of PNG, JPEG, GIF and WebP, or broken.
	ErrPictureFormat = errors.New("not a picture that can be read: PNG, JPEG, GIF or WebP")
	// ErrPictureDimensions: more pixels, or a longer side, than are decoded of any.
	ErrPictureDimensions = errors.New("picture is too wide, too high or has too many pixels")
	// ErrPictureBusy: decoding took too long, or had to wait for too long.
	ErrPictureBusy = errors.New("picture took too long to read")
)
