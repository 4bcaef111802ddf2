/**
 * The output of `xxd -a`: 16 bytes a line; of three or more lines of zeros in a row the first and a `*`; the last line
 * always. `xxd -r` reads it back.
 */
export function toXxd(bytes: Uint8Array): string {
  const lines: string[] = [];
  let zeroLines = 0;
  for (let offset = 0; offset < bytes.length; offset += 16) {
    const row = bytes.subarray(offset, offset + 16);
    const counts = row.every((byte) => byte === 0) && offset + 16 < bytes.length;
    zeroLines = counts ? zeroLines + 1 : 0;
    if (zeroLines === 3) lines.splice(-1, 1, '*');
    if (zeroLines < 3) lines.push(line(offset, row));
  }
  return `${lines.join('\n')}\n`;
}

/** What `xxd -r` makes of it. */
export function fromXxd(text: string): Uint8Array {
  const chunks = text
    .split('\n')
    .map((row) => /^([0-9a-f]{8}): ((?:[0-9a-f]{2,4} ?){1,8}) /.exec(row))
    .filter((match) => match !== null)
    .map((match) => ({ offset: Number.parseInt(match[1]!, 16), hex: match[2]!.replaceAll(' ', '') }));
  const last = chunks.at(-1);
  const bytes = new Uint8Array(last ? last.offset + last.hex.length / 2 : 0);
  for (const { offset, hex } of chunks) bytes.set(Buffer.from(hex, 'hex'), offset);
  return bytes;
}

function line(offset: number, row: Uint8Array): string {
  const hex = Buffer.from(row)
    .toString('hex')
    .replaceAll(/(.{4})(?=.)/g, '$1 ');
  const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
  return `${offset.toString(16).padStart(8, '0')}: ${hex.padEnd(39)}  ${text}`;
}
