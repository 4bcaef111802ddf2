import type { VolumeDescription } from '../../array/description.ts';
import { ConfigurationError } from './configuration-error.ts';
import { integerOf, textOf, type MapReader } from './reader.ts';

/** What a volume in `array.yaml` may have beside its size: each option absent where the file says nothing. */
export type VolumeOptions = Pick<
  VolumeDescription,
  'removable' | 'physicalBlockSize' | 'readOnly' | 'sanitizeMinimum' | 'encrypted' | 'backing'
>;

/** With the name of a CHAP user at most: a secret has no place in a description. */
const BACKING = /^(?:\/dev\/\S+|iscsi:\/\/(?:[^\s/@:%]+@)?[^\s/@]+\/[^\s/]+\/\d{1,5}(?:\?\S*)?)$/;
const HOUR_SECONDS = 3600;

export function readVolumeOptions(reader: MapReader, path: string, kind: VolumeDescription['kind']): VolumeOptions {
  const removable = flag(reader, path, 'removable');
  const readOnly = flag(reader, path, 'read-only');
  const physicalBlockSize = number(reader, path, 'physical-block-size', 512, 4096);
  const sanitizeMinimum = number(reader, path, 'sanitize-minimum', 0, HOUR_SECONDS);
  const encrypted = flag(reader, path, 'encrypted');
  const backing = lunPath(reader, path);
  const options = {
    ...(removable ? { removable } : {}),
    ...(readOnly ? { readOnly } : {}),
    ...(physicalBlockSize === undefined ? {} : { physicalBlockSize: physicalSize(reader, path, physicalBlockSize) }),
    ...(sanitizeMinimum ? { sanitizeMinimum } : {}),
    ...(encrypted ? { encrypted } : {}),
    ...(backing === undefined ? {} : { backing }),
  };
  const [first] = Object.keys(options);
  if (first === undefined || kind === 'volume') return options;
  throw new ConfigurationError(path, reader.line, `a ${kind} cannot have ${FILE_KEYS[first]}`);
}

/** As they stand in the file. */
export function formatVolumeOptions(volume: VolumeOptions): Readonly<Record<string, unknown>> {
  const entries = Object.entries(FILE_KEYS).map(([name, key]) => [key, volume[name as keyof VolumeOptions]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

const FILE_KEYS: Readonly<Record<string, string>> = {
  removable: 'removable',
  physicalBlockSize: 'physical-block-size',
  readOnly: 'read-only',
  sanitizeMinimum: 'sanitize-minimum',
  encrypted: 'encrypted',
  backing: 'backing',
} satisfies Record<keyof VolumeOptions, string>;

/** Absent and `false` are the same. */
function flag(reader: MapReader, path: string, key: string): true | undefined {
  const value = reader.optional(key);
  if (value === undefined) return undefined;
  const given = value.kind === 'scalar' ? value.value : undefined;
  if (typeof given !== 'boolean') throw new ConfigurationError(path, value.line, `${key} must be true or false`);
  return given ? true : undefined;
}

function number(reader: MapReader, path: string, key: string, least: number, most: number): number | undefined {
  const value = reader.optional(key);
  return value === undefined ? undefined : integerOf(path, key, value, least, most);
}

function physicalSize(reader: MapReader, path: string, size: number): 4096 {
  if (size === 4096) return size;
  throw new ConfigurationError(path, reader.line, 'physical-block-size must be 4096');
}

function lunPath(reader: MapReader, path: string): string | undefined {
  const value = reader.optional('backing');
  if (value === undefined) return undefined;
  const backing = textOf(path, 'backing', value);
  if (BACKING.test(backing)) return backing;
  const forms = '/dev/... or iscsi://[user@]host:port/target-name/lun, without a secret';
  throw new ConfigurationError(path, value.line, `backing must be ${forms}`);
}
