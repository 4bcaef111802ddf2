/** What changes a file. */
export type Operation =
  | { readonly kind: 'write'; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

/** The bytes of a file as one side sees them: the page cache, or what a power cut leaves. */
export class Content {
  bytes = new Uint8Array(0);
  size = 0;

  apply(operation: Operation): void {
    if (operation.kind === 'truncate') return this.resize(operation.size);
    const { offset, data } = operation;
    if (offset + data.length > this.size) this.resize(offset + data.length);
    this.bytes.set(data, offset);
  }

  resize(size: number): void {
    if (size > this.bytes.length) {
      const larger = new Uint8Array(Math.max(size, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, this.size));
      this.bytes = larger;
    }
    if (size < this.size) this.bytes.fill(0, size, this.size);
    this.size = size;
  }

  copyOf(other: Content): void {
    this.bytes = other.bytes.slice();
    this.size = other.size;
  }
}
