import { readFileSync, writeFileSync } from 'node:fs';
import { fromXxd, toXxd } from './xxd.ts';

const root = new URL('../../', import.meta.url);

/** Set to renew fixtures and generated documentation from their second source, to be looked at before they are committed. */
export const renewing = process.env['CDCTL_RENEW_FIXTURES'] === '1';

export function readText(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

export function writeText(path: string, text: string): void {
  writeFileSync(new URL(path, root), text);
}

/** The bytes of a fixture in `xxd -a` form, such as `interface-block/label.hex`. */
export function readFixture(name: string): Uint8Array {
  return fromXxd(readText(`fixtures/${name}`));
}

export function writeFixture(name: string, bytes: Uint8Array): void {
  writeText(`fixtures/${name}`, toXxd(bytes));
}
