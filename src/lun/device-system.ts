import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { createTransferLimit } from './transfer-limit.ts';

/** What opening and using a block device needs of the operating system; tests bring a small made-up one. */
export interface DeviceSystem {
  /** The path without symbolic links. Throws where there is none. */
  resolve(path: string): string;
  stat(path: string): { isBlockDevice(): boolean; readonly rdev: number };
  /** A whole (small) file of /proc or /sys. */
  readBytes(path: string): Uint8Array;
  list(path: string): string[];
  /** `exclusive` fails with EBUSY where the kernel or another process has claimed the device. */
  open(path: string, options: { readonly writable: boolean; readonly exclusive: boolean }): number;
  /** Of what is open. */
  deviceOf(fd: number): number;
  close(fd: number): void;
  read(fd: number, target: Uint8Array, offset: number): Promise<number>;
  write(fd: number, source: Uint8Array, offset: number): Promise<number>;
  fdatasync(fd: number): Promise<void>;
}

/**
 * libuv has four threads, and a device that does not answer keeps each that asks it, for minutes. One is left to Node, which
 * loads modules and writes files with it: otherwise not even "no answer" could be said.
 */
const inKernel = createTransferLimit(3);

const read = promisify(fs.read);
const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);

/** Past the page cache, so that it never answers in the array's place: O_DIRECT. */
export const realDeviceSystem: DeviceSystem = {
  resolve: (path) => fs.realpathSync(path),
  stat: (path) => fs.statSync(path),
  readBytes: (path) => new Uint8Array(fs.readFileSync(path)),
  list: (path) => fs.readdirSync(path),
  open(path, { writable, exclusive }) {
    const { O_RDWR, O_RDONLY, O_DIRECT, O_EXCL } = fs.constants;
    return fs.openSync(path, (writable ? O_RDWR : O_RDONLY) | O_DIRECT | (exclusive ? O_EXCL : 0));
  },
  deviceOf: (fd) => fs.fstatSync(fd).rdev,
  close: (fd) => fs.closeSync(fd),
  read: async (fd, target, offset) => (await inKernel(() => read(fd, target, 0, target.length, offset))).bytesRead,
  write: async (fd, source, offset) => (await inKernel(() => write(fd, source, 0, source.length, offset))).bytesWritten,
  fdatasync: (fd) => inKernel(() => fdatasync(fd)),
};
