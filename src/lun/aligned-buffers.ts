/** Bytes of one WebAssembly page; its memory begins on a page of the machine, as O_DIRECT wants it. */
const WASM_PAGE_BYTES = 65_536;

/** As much of the WebAssembly interface as is used here; Node's types leave it out. */
interface WebAssemblyMemory {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
}

/** A few page-aligned buffers, lent one at a time; whoever finds none waits for the next that comes back. */
export interface AlignedBuffers {
  readonly byteLength: number;
  take(): Promise<Uint8Array>;
  giveBack(buffer: Uint8Array): void;
}

export function createAlignedBuffers(count: number, byteLength: number): AlignedBuffers {
  const free: Uint8Array[] = [];
  const waiting: ((buffer: Uint8Array) => void)[] = [];
  let made = 0;

  function make(): Uint8Array {
    made += 1;
    const pages = Math.ceil(byteLength / WASM_PAGE_BYTES);
    const { Memory } = (globalThis as unknown as { WebAssembly: WebAssemblyMemory }).WebAssembly;
    const memory = new Memory({ initial: pages, maximum: pages });
    return new Uint8Array(memory.buffer, 0, byteLength);
  }

  return {
    byteLength,
    take() {
      const buffer = free.pop() ?? (made < count ? make() : undefined);
      return buffer ? Promise.resolve(buffer) : new Promise((resolve) => waiting.push(resolve));
    },
    giveBack(buffer) {
      const next = waiting.shift();
      if (next) next(buffer);
      else free.push(buffer);
    },
  };
}
