import { dump } from 'js-yaml';
import {
  CHAP_ALGORITHM_NAMES,
  type AccessDescription,
  type ChapAlgorithmName,
  type ChapSecret,
  type CommandDeviceModes,
  type CommandRole,
  type InitiatorGrant,
  type KeyGrant,
  type RemoteSecret,
} from '../../array/description.ts';
import { LUN_LIMIT } from '../values.ts';
import { ConfigurationError } from './configuration-error.ts';
import { parseLocated, type Located } from './located.ts';
import { integerOf, MapReader, textOf } from './reader.ts';

/** `access.yaml` beside `array.yaml`: who may do what. Read at each start and each reload, so that it is the only truth. */

const ROLES: readonly CommandRole[] = ['signed', 'monitor', 'operator', 'administrator'];
/** RFC 7143 section 4.2.7: at most 223 bytes, lower case. */
const INITIATOR = /^(?:iqn|eui|naa)\.[a-z0-9.:-]{1,219}$/;
/** It must be possible to write it into an iSCSI URL. */
const USER = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,222}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;
const SERIAL = /^[A-Z0-9]{1,16}$/;

const FILE_KEYS = [
  'format',
  'initiators',
  'keys',
  'command-devices',
  'target',
  'chap-algorithms',
  'remotes',
  'audit-queries',
];

export const NO_GRANTS: AccessDescription = {
  format: 1,
  initiators: [],
  keys: [],
  commandDevices: [],
  remotes: [],
  auditQueries: false,
};

/** Throws `ConfigurationError` with a line for whatever is wrong in it. */
export function parseAccessFile(source: string, path: string): AccessDescription {
  const top = new MapReader(path, 'the file', parseLocated(source, path), FILE_KEYS);
  top.integer('format', 1, 1);
  const target = top.optional('target');
  const description: AccessDescription = {
    format: 1,
    initiators: rows(top, path, 'initiators', readInitiator),
    keys: rows(top, path, 'keys', readKey),
    commandDevices: rows(top, path, 'command-devices', readModes),
    remotes: rows(top, path, 'remotes', readRemote),
    auditQueries: flag(top, path, 'audit-queries'),
    ...(target && { target: chapOf(path, 'target', target) }),
    ...algorithmsOf(top, path),
  };
  checkAccess(description, path, top.line);
  return description;
}

/** The text that `parseAccessFile` reads back to the same description. */
export function formatAccessFile(access: AccessDescription): string {
  const plain = {
    format: 1,
    ...(access.target && { target: plainChap(access.target) }),
    ...(access.chapAlgorithms && { 'chap-algorithms': access.chapAlgorithms }),
    initiators: access.initiators.map(({ name, chap, luns, array, role, groups }) => ({
      name,
      ...(chap && { chap: plainChap(chap) }),
      luns,
      ...(array !== undefined && { array }),
      ...(role && { role }),
      ...(groups && { groups }),
    })),
    keys: access.keys.map(({ name, keyFile, role, luns, groups }) => ({
      name,
      'key-file': keyFile,
      role,
      ...(luns && { luns }),
      ...(groups && { groups }),
    })),
    'command-devices': access.commandDevices.map(({ lun, signedOnly, sharedAnswers, groups }) => ({
      lun,
      'signed-only': signedOnly,
      ...(sharedAnswers && { 'shared-answers': true }),
      ...(groups && { groups }),
    })),
    remotes: access.remotes.map(({ target, ...own }) => ({
      ...plainChap(own),
      ...(target && { target: plainChap(target) }),
    })),
    'audit-queries': access.auditQueries,
  };
  return dump(plain, { flowLevel: 3, lineWidth: 120, noRefs: true });
}

function plainChap({ user, secretFile }: ChapSecret): Record<string, string> {
  return { user, 'secret-file': secretFile };
}

/** What no single line can say. Throws `ConfigurationError`. */
export function checkAccess(access: AccessDescription, path: string, line = 1): void {
  const refuse = (why: string): never => {
    throw new ConfigurationError(path, line, why, `correct ${path}`);
  };
  const twice = (what: string, names: readonly (string | number)[]): void => {
    const name = names.find((each, index) => names.indexOf(each) !== index);
    if (name !== undefined) refuse(`${what} ${name} is given twice`);
  };
  twice(
    'initiator',
    access.initiators.map(({ name }) => name),
  );
  twice(
    'key',
    access.keys.map(({ name }) => name),
  );
  twice(
    'command device',
    access.commandDevices.map(({ lun }) => lun),
  );
  twice(
    'CHAP user among remotes',
    access.remotes.map(({ user }) => user),
  );
  const withChap = access.initiators.filter(({ chap }) => chap);
  const without = access.initiators.find(({ chap }) => !chap);
  if (withChap.length > 0 && without) {
    refuse(`initiator ${without.name} has no CHAP secret while others have: all of them need one, or none`);
  }
  if (access.target && withChap.length === 0) refuse('target has a CHAP secret while no initiator has one');
  if (access.chapAlgorithms && withChap.length === 0 && access.remotes.length === 0) {
    refuse('chap-algorithms is given while neither an initiator nor one of remotes has a secret');
  }
}

function rows<T>(top: MapReader, path: string, key: string, read: (reader: MapReader, path: string) => T): T[] {
  if (top.optional(key) === undefined) return [];
  return top.list(key).map((item, index) => {
    const reader = new MapReader(path, `${key}[${index}]`, item);
    const row = read(reader, path);
    reader.end();
    return row;
  });
}

function readInitiator(reader: MapReader, path: string): InitiatorGrant {
  const chap = reader.optional('chap');
  const array = reader.optional('array');
  const role = reader.optional('role');
  return {
    name: matching(
      path,
      'name',
      reader.required('name'),
      INITIATOR,
      'an iSCSI name (iqn., eui. or naa.) in lower case',
    ),
    ...(chap && { chap: chapOf(path, 'chap', chap) }),
    luns: lunsOf(path, reader.required('luns')),
    ...(array && { array: matching(path, 'array', array, SERIAL, 'the serial of an array') }),
    ...(role && { role: roleOf(path, role, ROLES) }),
    ...groupsOf(reader, path),
  };
}

function readKey(reader: MapReader, path: string): KeyGrant {
  const signing = ROLES.filter((role): role is KeyGrant['role'] => role !== 'signed');
  const luns = reader.optional('luns');
  const reached = luns && lunsOf(path, luns);
  return {
    name: matching(path, 'name', reader.required('name'), NAME, '1 to 32 of letters, digits, "-", "_", "."'),
    keyFile: reader.text('key-file'),
    role: roleOf(path, reader.required('role'), signing),
    ...(reached && reached !== 'all' && { luns: reached }),
    ...groupsOf(reader, path),
  };
}

function readModes(reader: MapReader, path: string): CommandDeviceModes {
  return {
    lun: reader.integer('lun', 0, LUN_LIMIT),
    signedOnly: flag(reader, path, 'signed-only'),
    ...(flag(reader, path, 'shared-answers') && { sharedAnswers: true as const }),
    ...groupsOf(reader, path),
  };
}

function readRemote(reader: MapReader, path: string): RemoteSecret {
  const target = reader.optional('target');
  return {
    user: matching(path, 'user', reader.required('user'), USER, 'a CHAP name'),
    secretFile: reader.text('secret-file'),
    ...(target && { target: chapOf(path, 'target', target) }),
  };
}

function chapOf(path: string, where: string, value: Located): ChapSecret {
  const reader = new MapReader(path, where, value, ['user', 'secret-file']);
  return {
    user: matching(path, `${where}.user`, reader.required('user'), USER, 'a CHAP name'),
    secretFile: reader.text('secret-file'),
  };
}

function algorithmsOf(top: MapReader, path: string): { chapAlgorithms?: readonly ChapAlgorithmName[] } {
  if (top.optional('chap-algorithms') === undefined) return {};
  const items = top.list('chap-algorithms');
  if (items.length === 0) {
    const why = 'chap-algorithms names none, so that nobody could log in';
    throw new ConfigurationError(path, top.line, why, `name some of ${CHAP_ALGORITHM_NAMES.join(', ')}`);
  }
  return {
    chapAlgorithms: items.map((item) => {
      const name = textOf(path, 'chap-algorithms', item);
      const known = CHAP_ALGORITHM_NAMES.find((each) => each === name);
      if (known) return known;
      const why = `chap-algorithms: ${JSON.stringify(name)} is not known`;
      throw new ConfigurationError(path, item.line, why, `name some of ${CHAP_ALGORITHM_NAMES.join(', ')}`);
    }),
  };
}

function lunsOf(path: string, value: Located): InitiatorGrant['luns'] {
  if (value.kind === 'scalar' && value.value === 'all') return 'all';
  if (value.kind !== 'list') throw new ConfigurationError(path, value.line, 'luns must be "all" or a list of LUNs');
  return value.items.map((item) => integerOf(path, 'luns', item, 0, LUN_LIMIT));
}

function groupsOf(reader: MapReader, path: string): { groups?: readonly string[] } {
  if (reader.optional('groups') === undefined) return {};
  return { groups: reader.list('groups').map((item) => matching(path, 'groups', item, NAME, 'the name of a group')) };
}

function roleOf<R extends CommandRole>(path: string, value: Located, known: readonly R[]): R {
  const text = textOf(path, 'role', value);
  const role = known.find((each) => each === text);
  if (role) return role;
  throw new ConfigurationError(path, value.line, `role "${text}" must be one of ${known.join(', ')}`);
}

function flag(reader: MapReader, path: string, key: string): boolean {
  const value = reader.optional(key);
  const scalar = value?.kind === 'scalar' ? value.value : undefined;
  if (value === undefined) return false;
  if (typeof scalar === 'boolean') return scalar;
  throw new ConfigurationError(path, value.line, `${key} must be true or false`);
}

function matching(path: string, where: string, value: Located, form: RegExp, expected: string): string {
  const text = textOf(path, where, value);
  if (form.test(text)) return text;
  throw new ConfigurationError(path, value.line, `${where} "${text}" must be ${expected}`);
}
