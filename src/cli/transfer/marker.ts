/**
 * What stands at the beginning of a LUN while a copy onto it is under way: no file system, partition table or label is found
 * there, so that a copy that was cut short is never taken for a whole one. The real first blocks are written last.
 */
export const MARKER_TEXT = 'CDCTL-UNFINISHED-COPY';

const MARKER_BYTES = 4096;

/** `byteLength` at most; whole units. `token`: of this copy alone, so that the marker is known wherever it turns up. */
export function unfinishedMarker(
  token: string,
  from: string,
  to: string,
  unit: number,
  byteLength: number,
): Uint8Array {
  const length = Math.min(byteLength, Math.ceil(MARKER_BYTES / unit) * unit);
  const bytes = new Uint8Array(length);
  const text = `${MARKER_TEXT}\n${token}\nA copy onto this LUN was begun and has not ended. Run it again to its end.\nfrom ${from}\nto ${to}\n`;
  bytes.set(new TextEncoder().encode(text).subarray(0, length));
  return bytes;
}

export function isUnfinished(firstBlock: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(firstBlock.subarray(0, MARKER_TEXT.length)) === MARKER_TEXT;
}

/** The two first lines: what no other marker begins with. */
export function markerHead(marker: Uint8Array): Uint8Array {
  return marker.subarray(0, marker.indexOf(NEWLINE, MARKER_TEXT.length + 1) + 1);
}

const NEWLINE = 0x0a;
