/** CRC32C a bit at a time, straight from the definition: the second source for the fast one and for digests. */
export function slowCrc32c(bytes: Iterable<number>): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit += 1) {
      const odd = ((crc ^ (byte >> bit)) & 1) === 1;
      crc = Math.floor(crc / 2);
      if (odd) crc = (crc ^ 0x82f6_3b78) >>> 0;
    }
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}
