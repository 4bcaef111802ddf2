import { dump } from 'js-yaml';
import type {
  ArrayDescription,
  CommandDeviceEntry,
  LunMapEntry,
  RemoteDescription,
  VolumeDescription,
} from '../../array/description.ts';
import { formatSize, LUN_LIMIT, parseSize } from '../values.ts';
import { isPortal } from '../values.ts';
import { ConfigurationError } from './configuration-error.ts';
import { parseLocated, type Located } from './located.ts';
import { MapReader, textOf } from './reader.ts';
import { formatVolumeOptions, readVolumeOptions } from './volume-options.ts';

const SERIAL = /^[A-Z0-9]{1,16}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;
const TARGET_NAME = /^iqn\.\d{4}-\d{2}\.[a-z0-9.-]+(?::[a-z0-9.:-]+)?$/;
const PORTAL = /^iscsi:\/\/[^/\s]+\/[^/\s,]+$/;
const KINDS: readonly VolumeDescription['kind'][] = ['volume', 'journal', 'command-device'];

const FILE_KEYS = [
  'format',
  'serial',
  'name',
  'target-name',
  'listen',
  'volumes',
  'remotes',
  'lun-map',
  'command-devices',
];

/** Reads `array.yaml`; throws `ConfigurationError` with a line for whatever is wrong in it. */
export function parseArrayFile(source: string, path: string): ArrayDescription {
  const top = new MapReader(path, 'the file', parseLocated(source, path), FILE_KEYS);
  readFormat(top, path);
  const description: ArrayDescription = {
    format: 1,
    serial: matching(top, path, 'serial', SERIAL, '1 to 16 characters of A-Z and 0-9'),
    name: matching(top, path, 'name', NAME, '1 to 32 of letters, digits, "-", "_", "."'),
    targetName: matching(top, path, 'target-name', TARGET_NAME, 'an iqn. name in lower case'),
    listen: readListen(top),
    volumes: rows(top, path, 'volumes', readVolume),
    remotes: rows(top, path, 'remotes', readRemote),
    lunMap: rows(top, path, 'lun-map', readLunMap),
    commandDevices: rows(top, path, 'command-devices', readCommandDevice),
  };
  checkDescription(description, path, top.line);
  return description;
}

/** The text that `parseArrayFile` reads back to the same description. */
export function formatArrayFile(description: ArrayDescription): string {
  const plain = {
    format: 1,
    serial: description.serial,
    name: description.name,
    'target-name': description.targetName,
    listen: {
      host: description.listen.host,
      port: description.listen.port,
      ...(description.listen.allowUnauthenticated && { 'allow-unauthenticated': true }),
      ...(description.listen.redirectTo !== undefined && { 'redirect-to': description.listen.redirectTo }),
    },
    volumes: description.volumes.map(({ lun, name, kind, blockSize, blockCount, ...options }) => ({
      lun,
      name,
      kind,
      'block-size': blockSize,
      size: formatSize(blockSize * blockCount),
      ...formatVolumeOptions(options),
    })),
    remotes: description.remotes,
    'lun-map': description.lunMap.map(({ lun, name, targetSerial, targetLun }) => ({
      lun,
      name,
      'target-serial': targetSerial,
      'target-lun': targetLun,
    })),
    'command-devices': description.commandDevices.map(({ deviceSerial, deviceName, lun }) => ({
      'device-serial': deviceSerial,
      'device-name': deviceName,
      lun,
    })),
  };
  return dump(plain, { flowLevel: 2, lineWidth: 120, noRefs: true });
}

/** A file of a later format may mean other things by the same words. */
function readFormat(top: MapReader, path: string): void {
  const format = top.integer('format', 1, Number.MAX_SAFE_INTEGER);
  if (format === 1) return;
  const why = `format ${format} is unknown to this version, which reads format 1`;
  throw new ConfigurationError(path, top.required('format').line, why, 'use the version of cdctl that wrote it');
}

function matching(reader: MapReader, path: string, key: string, form: RegExp, expected: string): string {
  const text = reader.text(key);
  if (form.test(text)) return text;
  throw new ConfigurationError(path, reader.required(key).line, `${key} "${text}" must be ${expected}`);
}

function rows<T>(top: MapReader, path: string, key: string, read: (reader: MapReader, path: string) => T): T[] {
  return top.list(key).map((item, index) => {
    const reader = new MapReader(path, `${key}[${index}]`, item);
    const row = read(reader, path);
    reader.end();
    return row;
  });
}

function readListen(top: MapReader): ArrayDescription['listen'] {
  const reader = top.map('listen');
  const open = reader.optional('allow-unauthenticated');
  if (open && (open.kind !== 'scalar' || typeof open.value !== 'boolean')) {
    throw new ConfigurationError(top.path, open.line, 'listen.allow-unauthenticated must be true or false');
  }
  const redirectTo = reader.optionalText('redirect-to');
  if (redirectTo !== undefined && !isPortal(redirectTo)) {
    const line = reader.required('redirect-to').line;
    throw new ConfigurationError(top.path, line, 'listen.redirect-to must be host:port with a port from 1 to 65535');
  }
  const listen = {
    host: reader.text('host'),
    port: reader.integer('port', 0, 65_535),
    ...(open?.kind === 'scalar' && open.value === true && { allowUnauthenticated: true as const }),
    ...(redirectTo !== undefined && { redirectTo }),
  };
  reader.end();
  return listen;
}

function readVolume(reader: MapReader, path: string): VolumeDescription {
  const kindValue = reader.required('kind');
  const kind = KINDS.find((known) => known === textOf(path, 'kind', kindValue));
  if (!kind) throw new ConfigurationError(path, kindValue.line, `kind must be one of ${KINDS.join(', ')}`);
  const blockSize = reader.integer('block-size', 512, 4096);
  if (blockSize !== 512 && blockSize !== 4096) {
    throw new ConfigurationError(path, reader.line, 'block-size must be 512 or 4096');
  }
  const bytes = sizeOf(path, reader.required('size'));
  if (bytes === 0 || bytes % blockSize !== 0) {
    throw new ConfigurationError(path, reader.line, `size must be a whole number of blocks of ${blockSize} bytes`);
  }
  return {
    lun: reader.integer('lun', 0, LUN_LIMIT),
    name: matching(reader, path, 'name', NAME, 'a name'),
    kind,
    blockSize,
    blockCount: bytes / blockSize,
    ...readVolumeOptions(reader, path, kind),
  };
}

function sizeOf(path: string, value: Located): number {
  const scalar = value.kind === 'scalar' ? value.value : undefined;
  const bytes = typeof scalar === 'number' ? scalar : typeof scalar === 'string' ? parseSize(scalar) : undefined;
  if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
  throw new ConfigurationError(path, value.line, 'size must be bytes, or such as 64MiB');
}

function readRemote(reader: MapReader, path: string): RemoteDescription {
  const portals = reader.list('portals').map((item) => {
    const portal = textOf(path, 'portals', item);
    if (PORTAL.test(portal)) return portal;
    throw new ConfigurationError(path, item.line, `"${portal}" must be iscsi://host:port/iqn without a LUN`);
  });
  return { serial: matching(reader, path, 'serial', SERIAL, 'a serial'), name: reader.text('name'), portals };
}

function readLunMap(reader: MapReader, path: string): LunMapEntry {
  return {
    lun: reader.integer('lun', 0, LUN_LIMIT),
    name: matching(reader, path, 'name', NAME, 'a name'),
    targetSerial: matching(reader, path, 'target-serial', SERIAL, 'a serial'),
    targetLun: reader.integer('target-lun', 0, LUN_LIMIT),
  };
}

function readCommandDevice(reader: MapReader, path: string): CommandDeviceEntry {
  return {
    deviceSerial: matching(reader, path, 'device-serial', SERIAL, 'a serial'),
    deviceName: reader.text('device-name'),
    lun: reader.integer('lun', 0, LUN_LIMIT),
  };
}

/** What no single line can say: LUNs used twice, tables that point nowhere. Throws `ConfigurationError`. */
export function checkDescription(description: ArrayDescription, path: string, line: number): void {
  const refuse = (why: string): never => {
    throw new ConfigurationError(path, line, why, `correct the description of ${description.name}`);
  };
  const luns = [...description.volumes, ...description.lunMap].map((entry) => entry.lun);
  const twice = luns.find((lun, index) => luns.indexOf(lun) !== index);
  if (twice !== undefined) refuse(`LUN ${twice} is given twice`);
  const backings = description.volumes.flatMap(({ backing }) => backing ?? []);
  const shared = backings.find((backing, index) => backings.indexOf(backing) !== index);
  if (shared !== undefined) refuse(`${shared} is the backing of two volumes`);
  for (const { lun, targetSerial } of description.lunMap) {
    const known = description.remotes.some((remote) => remote.serial === targetSerial);
    if (!known) refuse(`LUN ${lun} is mapped to ${targetSerial}, which is not among the remotes`);
  }
  for (const { lun, deviceSerial } of description.commandDevices) {
    if (!luns.includes(lun)) refuse(`the command device of ${deviceSerial} is LUN ${lun}, which does not exist`);
  }
}
