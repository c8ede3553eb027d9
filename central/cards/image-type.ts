/**
 * Images that a card may show: PNG, JPEG and WebP, told by their bytes, with the size that they
 * announce.
 *
 * Raster alone: an SVG can hold scripts and links. A small file can announce a huge picture, so the
 * pixels are bounded before anybody decodes it. Formats: PNG (RFC 2083 section 3), JPEG (ITU-T T.81
 * annex B), WebP (RFC 9649 section 2).
 */

/** Longest side in pixels: an A4 page at some 500 dpi. */
const SIDE_PIXELS_MAX = 6_000;

interface Size {
  width: number;
  height: number;
}

/** Suffix of a file, by media type. */
export const IMAGE_SUFFIX = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
} as const;

/** A type of image that is taken. */
export type ImageType = keyof typeof IMAGE_SUFFIX;

const SIZE_OF: readonly (readonly [ImageType, (view: DataView) => Size | undefined])[] = [
  ['image/png', pngSize],
  ['image/jpeg', jpegSize],
  ['image/webp', webpSize],
];

/** Type of an image; undefined if it is none that is taken, or has no size within the bounds. */
export function imageTypeOf(bytes: Uint8Array): ImageType | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [type, sizeOf] of SIZE_OF) {
    const size = sizeOf(view);
    if (size) return isSide(size.width) && isSide(size.height) ? type : undefined;
  }
  return undefined;
}

const isSide = (pixels: number): boolean => pixels >= 1 && pixels <= SIDE_PIXELS_MAX;

/** True if the ASCII text stands at the offset from the start. */
function hasText(view: DataView, offset: number, text: string): boolean {
  if (view.byteLength < offset + text.length) return false;
  return [...text].every((char, i) => view.getUint8(offset + i) === char.charCodeAt(0));
}

/** Signature, then IHDR as the first chunk. */
function pngSize(view: DataView): Size | undefined {
  if (!hasText(view, 0, '\x89PNG\r\n\x1a\n') || !hasText(view, 12, 'IHDR')) return undefined;
  if (view.byteLength < 24) return undefined;
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** Segments up to the frame header, which has the size. */
function jpegSize(view: DataView): Size | undefined {
  if (!hasText(view, 0, '\xff\xd8\xff')) return undefined;
  let offset = 2;
  while (offset + 9 <= view.byteLength) {
    if (view.getUint8(offset) !== 0xff) return undefined;
    const marker = view.getUint8(offset + 1);
    if (marker === 0xff) {
      offset += 1;
    } else if (isFrame(marker)) {
      return { height: view.getUint16(offset + 5), width: view.getUint16(offset + 7) };
    } else {
      offset += 2 + view.getUint16(offset + 2);
    }
  }
  return undefined;
}

/** SOF0 to SOF15 without DHT, JPG and DAC, which lie between them. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** The first chunk: lossy, lossless or extended. */
function webpSize(view: DataView): Size | undefined {
  const isWebp = hasText(view, 0, 'RIFF') && hasText(view, 8, 'WEBP');
  if (!isWebp || view.byteLength < 30) return undefined;
  if (hasText(view, 12, 'VP8 ')) {
    const side = (offset: number) => view.getUint16(offset, true) & 0x3fff;
    return { width: side(26), height: side(28) };
  }
  if (hasText(view, 12, 'VP8L')) {
    const bits = view.getUint32(21, true);
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
  }
  if (!hasText(view, 12, 'VP8X')) return undefined;
  const side = (offset: number) =>
    1 + view.getUint16(offset, true) + view.getUint8(offset + 2) * 65_536;
  return { width: side(24), height: side(27) };
}
