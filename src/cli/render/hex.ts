/** `00000000  43 44 43 54 ...  |CDCT...|`, sixteen bytes a line; equal lines in a row become `*`, as hexdump does. */
export function hexDump(bytes: Uint8Array, base = 0): string {
  const lines: string[] = [];
  let previous = '';
  let starred = false;
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const body = `${hexPairs(row)}  |${printable(row)}|`;
    const last = at + 16 >= bytes.length;
    if (body === previous && !last) {
      if (!starred) lines.push('*');
      starred = true;
      continue;
    }
    starred = false;
    previous = body;
    lines.push(`${(base + at).toString(16).padStart(8, '0')}  ${body}`);
  }
  return lines.join('\n');
}

function hexPairs(row: Uint8Array): string {
  return Array.from(row, (byte) => byte.toString(16).padStart(2, '0'))
    .join(' ')
    .padEnd(47);
}

function printable(row: Uint8Array): string {
  return Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
}
