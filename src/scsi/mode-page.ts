import { readU16, readU24, readU32, writeU16, writeU24, writeU32, writeU64 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';

/** Mode parameters (SPC-4 7.5, SBC-3 6.4). */
export const MODE_PAGE = { caching: 0x08, control: 0x0a, all: 0x3f } as const;

/** DEVICE-SPECIFIC PARAMETER of a direct-access device. */
export const DEVICE_SPECIFIC = { writeProtected: 0x80, dpoFua: 0x10 } as const;

export interface ModeBlockDescriptor {
  readonly blockCount: number;
  /** Bytes in a block. */
  readonly blockSize: number;
}

export interface ModeData {
  readonly deviceSpecific: number;
  readonly blockDescriptor?: ModeBlockDescriptor;
  /** Whole pages, each with its header. */
  readonly pages: readonly Uint8Array[];
}

/** Page 08h. `writeCache`: what was written may be volatile until SYNCHRONIZE CACHE. */
export function encodeCachingPage(writeCache: boolean): Uint8Array {
  const page = new Uint8Array(20);
  page.set([MODE_PAGE.caching, page.length - 2, writeCache ? 0x04 : 0]);
  return page;
}

/** 30 s, in 100 ms. */
const BUSY_TIMEOUT_PERIOD = 300;

const SOFTWARE_WRITE_PROTECT = 0x08;

const TASK_ABORTED_STATUS = 0x40;

/** Page 0Ah: one task set, fixed format sense, no log saving, unrestricted reordering, TASK ABORTED told (TAS); SWP as given. */
export function encodeControlPage(writeProtected: boolean): Uint8Array {
  const page = new Uint8Array(12);
  page.set([MODE_PAGE.control, page.length - 2, 0x02, 0x10, writeProtected ? SOFTWARE_WRITE_PROTECT : 0]);
  page[5] = TASK_ABORTED_STATUS;
  writeU16(page, 8, BUSY_TIMEOUT_PERIOD);
  return page;
}

/** SWP of a control mode page, or of its changeable mask. */
export function isWriteProtectSet(controlPage: Uint8Array): boolean {
  return ((controlPage[4] ?? 0) & SOFTWARE_WRITE_PROTECT) !== 0;
}

/** The changeable mask of the control page where SWP is all that can be changed. */
export function writeProtectChangeable(): Uint8Array {
  const mask = nothingChangeable(encodeControlPage(false));
  mask[4] = SOFTWARE_WRITE_PROTECT;
  return mask;
}

/** The page with every parameter bit 0: the changeable mask of a page in which nothing can be changed. */
export function nothingChangeable(page: Uint8Array): Uint8Array {
  const mask = new Uint8Array(page.length);
  mask.set(page.subarray(0, 2));
  return mask;
}

/** MODE SENSE data; `headerLength` 4 for MODE SENSE(6), 8 for MODE SENSE(10), which alone can carry a long descriptor. */
export function encodeModeData(data: ModeData, headerLength: 4 | 8, longLba: boolean): Uint8Array {
  const descriptor = data.blockDescriptor ? encodeBlockDescriptor(data.blockDescriptor, longLba) : new Uint8Array(0);
  const header = new Uint8Array(headerLength);
  const total = data.pages.reduce((sum, page) => sum + page.length, headerLength + descriptor.length);
  if (headerLength === 4) {
    header.set([total - 1, 0, data.deviceSpecific, descriptor.length]);
  } else {
    writeU16(header, 0, total - 2);
    header[3] = data.deviceSpecific;
    header[4] = descriptor.length === 16 ? 1 : 0;
    writeU16(header, 6, descriptor.length);
  }
  return new Uint8Array(Buffer.concat([header, descriptor, ...data.pages]));
}

/** 8 bytes (SBC-3 6.4.2.2), or 16 with 64-bit LBAs. */
function encodeBlockDescriptor(descriptor: ModeBlockDescriptor, longLba: boolean): Uint8Array {
  if (longLba) {
    const bytes = new Uint8Array(16);
    writeU64(bytes, 0, descriptor.blockCount);
    writeU32(bytes, 12, descriptor.blockSize);
    return bytes;
  }
  const bytes = new Uint8Array(8);
  writeU32(bytes, 0, Math.min(descriptor.blockCount, 0xffff_ffff));
  writeU24(bytes, 5, descriptor.blockSize);
  return bytes;
}

export interface DecodedModePage {
  readonly page: number;
  readonly subpage: number;
  /** With its header. */
  readonly bytes: Uint8Array;
}

export interface DecodedModeData {
  readonly deviceSpecific: number;
  readonly blockDescriptor: ModeBlockDescriptor | undefined;
  readonly pages: readonly DecodedModePage[];
}

/** MODE SENSE data or a MODE SELECT parameter list; a page that is cut off is a violation. */
export function decodeModeData(bytes: Uint8Array, headerLength: 4 | 8): Decoded<DecodedModeData> {
  if (bytes.length < headerLength)
    return violated('mode data', `${bytes.length} bytes`, `at least ${headerLength} bytes`);
  const short = headerLength === 4;
  const descriptorLength = short ? bytes[3]! : readU16(bytes, 6);
  const descriptor = decodeBlockDescriptor(
    bytes.subarray(headerLength, headerLength + descriptorLength),
    descriptorLength,
  );
  if (!descriptor.ok) return descriptor;
  const pages = decodePages(bytes.subarray(headerLength + descriptorLength));
  if (!pages.ok) return pages;
  return decoded({ deviceSpecific: bytes[short ? 2 : 3]!, blockDescriptor: descriptor.value, pages: pages.value });
}

function decodeBlockDescriptor(bytes: Uint8Array, length: number): Decoded<ModeBlockDescriptor | undefined> {
  if (bytes.length < length) return violated('mode data.blockDescriptor', `${bytes.length} bytes`, `${length} bytes`);
  if (length === 0) return decoded(undefined);
  if (length === 8) return decoded({ blockCount: readU32(bytes, 0), blockSize: readU24(bytes, 5) });
  if (length !== 16) return violated('mode data.blockDescriptorLength', length, '0, 8 or 16');
  if (readU32(bytes, 0) >= 2 ** 21) return violated('mode data.blockCount', 'more than 2^53', 'at most 2^53 - 1');
  return decoded({ blockCount: readU32(bytes, 0) * 2 ** 32 + readU32(bytes, 4), blockSize: readU32(bytes, 12) });
}

function decodePages(bytes: Uint8Array): Decoded<readonly DecodedModePage[]> {
  const pages: DecodedModePage[] = [];
  let at = 0;
  while (at < bytes.length) {
    const withSubpage = (bytes[at]! & 0x40) !== 0;
    const header = withSubpage ? 4 : 2;
    if (at + header > bytes.length)
      return violated('mode page', `${bytes.length - at} bytes`, `${header} bytes of header`);
    const length = header + (withSubpage ? readU16(bytes, at + 2) : bytes[at + 1]!);
    if (at + length > bytes.length) return violated('mode page', `${bytes.length - at} bytes`, `${length} bytes`);
    pages.push({
      page: bytes[at]! & 0x3f,
      subpage: withSubpage ? bytes[at + 1]! : 0,
      bytes: bytes.slice(at, at + length),
    });
    at += length;
  }
  return decoded(pages);
}
