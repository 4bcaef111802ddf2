import type { GroupDefinition, PairDefinition } from '../../replication/definition.ts';
import { LUN_LIMIT } from '../values.ts';
import { readChap, type ChapDefinition } from './chap.ts';
import { ConfigurationError } from './configuration-error.ts';
import { prepareInitiatorName } from '../initiator-name.ts';
import { parseLocated, type Located } from './located.ts';
import { integerOf, MapReader, textOf } from './reader.ts';

/** One array as this site reaches it. */
export interface ArrayDefinition {
  readonly name: string;
  readonly serial: string;
  /** Paths of its command devices, in order of preference: `/dev/...` or `iscsi://...`. */
  readonly commandDevices: readonly string[];
  /** `iscsi://host:port/iqn` under which the array's own LUNs are reached, where this site is attached to it. */
  readonly portal: string | undefined;
  /** The key that signs commands to it; absent: they are not signed. */
  readonly key?: { readonly name: string; readonly keyFile: string };
}

export interface Configuration {
  readonly path: string;
  /** Tells apart arrays of the same serial on one machine, such as those of two labs; usually absent. */
  readonly installation: string | undefined;
  /** Under which this host logs in to iSCSI targets; absent: the one made of its host name. */
  readonly initiatorName: string | undefined;
  readonly arrays: ReadonlyMap<string, ArrayDefinition>;
  readonly groups: ReadonlyMap<string, GroupDefinition>;
  /** By user name of an `iscsi://user@...` URL. */
  readonly chap: ReadonlyMap<string, ChapDefinition>;
}

/** Layouts hold names of up to 32 bytes and serials of up to 16. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;
const SERIAL = /^[A-Z0-9]{1,16}$/;
const PATH = /^(?:\/dev\/\S+|\/\S+|iscsi:\/\/\S+)$/;

const FILE_KEYS = ['version', 'installation', 'initiator-name', 'arrays', 'groups', 'chap'];
const ARRAY_KEYS = ['serial', 'command-devices', 'portal', 'key'];
const GROUP_KEYS = ['journals', 'pairs'];

/** Reads the configuration file; throws `ConfigurationError` with a line for whatever is wrong in it. */
export function parseConfiguration(source: string, path: string): Configuration {
  const top = new MapReader(path, 'the file', parseLocated(source, path), FILE_KEYS);
  top.integer('version', 1, 1);
  const installation = top.optionalText('installation');
  const initiatorName = readInitiatorName(path, top.optional('initiator-name'));
  const arrays = readArrays(path, top.required('arrays'));
  const groupsValue = top.optional('groups');
  const groups = groupsValue === undefined ? new Map<string, GroupDefinition>() : readGroups(path, groupsValue, arrays);
  const chap = readChap(path, top.optional('chap'));
  return { path, installation, initiatorName, arrays, groups, chap };
}

function readInitiatorName(path: string, value: Located | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = textOf(path, 'initiator-name', value);
  const prepared = prepareInitiatorName(text);
  if ('name' in prepared) return prepared.name;
  const why = `initiator-name: ${JSON.stringify(text)} is no iSCSI name: ${prepared.why}`;
  throw new ConfigurationError(path, value.line, why);
}

function readArrays(path: string, value: Located): Map<string, ArrayDefinition> {
  const reader = new MapReader(path, 'arrays', value);
  const arrays = new Map<string, ArrayDefinition>();
  for (const { key, line, value: item } of reader.entries()) {
    checkName(path, line, 'an array', key);
    const array = readArray(path, key, item);
    for (const other of arrays.values()) {
      if (other.serial === array.serial) {
        throw new ConfigurationError(
          path,
          line,
          `arrays ${other.name} and ${key} have the same serial ${array.serial}`,
        );
      }
    }
    arrays.set(key, array);
  }
  if (arrays.size === 0) throw new ConfigurationError(path, value.line, 'arrays names no array');
  return arrays;
}

function readArray(path: string, name: string, value: Located): ArrayDefinition {
  const reader = new MapReader(path, `arrays.${name}`, value, ARRAY_KEYS);
  const serialValue = reader.required('serial');
  const serial = textOf(path, `arrays.${name}.serial`, serialValue);
  if (!SERIAL.test(serial)) {
    throw new ConfigurationError(
      path,
      serialValue.line,
      `serial "${serial}" must be 1 to 16 characters of A-Z and 0-9`,
    );
  }
  const list = reader.list('command-devices');
  const commandDevices = list.map((item) => readPath(path, `arrays.${name}.command-devices`, item));
  if (commandDevices.length === 0)
    throw new ConfigurationError(path, reader.line, `array ${name} has no command device`);
  const portal = reader.optional('portal');
  const key = reader.optional('key');
  return {
    name,
    serial,
    commandDevices,
    portal: portal && readPortal(path, `arrays.${name}.portal`, portal),
    ...(key && { key: readKey(path, `arrays.${name}.key`, key) }),
  };
}

function readKey(path: string, where: string, value: Located): { name: string; keyFile: string } {
  const reader = new MapReader(path, where, value, ['name', 'key-file']);
  const name = reader.text('name');
  checkName(path, value.line, 'a key', name);
  return { name, keyFile: reader.text('key-file') };
}

function readPath(path: string, where: string, item: Located): string {
  const text = textOf(path, where, item);
  if (!PATH.test(text)) {
    throw new ConfigurationError(path, item.line, `"${text}" is neither a device file nor an iscsi:// URL`);
  }
  if (/^iscsi:\/\/[^/]*:[^/]*@/.test(text)) {
    throw new ConfigurationError(
      path,
      item.line,
      'a secret does not belong into a URL: name its file or variable under chap',
    );
  }
  return text;
}

function readPortal(path: string, where: string, item: Located): string {
  const text = readPath(path, where, item);
  if (!/^iscsi:\/\/[^/]+\/[^/]+$/.test(text)) {
    throw new ConfigurationError(path, item.line, `"${text}" must be iscsi://host:port/iqn without a LUN`);
  }
  return text;
}

function readGroups(
  path: string,
  value: Located,
  arrays: ReadonlyMap<string, ArrayDefinition>,
): Map<string, GroupDefinition> {
  const reader = new MapReader(path, 'groups', value);
  const groups = new Map<string, GroupDefinition>();
  for (const { key, line, value: item } of reader.entries()) {
    checkName(path, line, 'a group', key);
    groups.set(key, readGroup(path, key, item, arrays));
  }
  refuseSharedLuns(path, reader, groups);
  return groups;
}

function readGroup(
  path: string,
  name: string,
  value: Located,
  arrays: ReadonlyMap<string, ArrayDefinition>,
): GroupDefinition {
  const reader = new MapReader(path, `groups.${name}`, value, GROUP_KEYS);
  const journalsReader = reader.map('journals');
  const journals = readLuns(path, `groups.${name}.journals`, journalsReader);
  const [first, second, ...more] = Object.keys(journals);
  if (first === undefined || second === undefined || more.length > 0) {
    throw new ConfigurationError(path, journalsReader.line, `groups.${name}.journals must name exactly two arrays`);
  }
  for (const entry of journalsReader.entries()) {
    if (!arrays.has(entry.key))
      throw new ConfigurationError(path, entry.line, `array "${entry.key}" is not defined in arrays`);
  }
  const pairs = readPairs(path, name, reader.map('pairs'), [first, second]);
  return { name, arrays: [first, second], journals, pairs };
}

const PAIR_LIMIT = 64;

function readPairs(
  path: string,
  group: string,
  reader: MapReader,
  arrays: readonly [string, string],
): PairDefinition[] {
  const pairs = reader.entries().map(({ key, line, value }): PairDefinition => {
    checkName(path, line, 'a pair', key);
    const where = `groups.${group}.pairs.${key}`;
    const pair = new MapReader(path, where, value);
    for (const entry of pair.entries()) {
      if (!arrays.includes(entry.key)) {
        throw new ConfigurationError(path, entry.line, `array "${entry.key}" has no journal in group ${group}`);
      }
    }
    return { name: key, luns: Object.fromEntries(arrays.map((array) => [array, pair.integer(array, 0, LUN_LIMIT)])) };
  });
  if (pairs.length === 0) throw new ConfigurationError(path, reader.line, `group ${group} has no pair`);
  if (pairs.length > PAIR_LIMIT) {
    throw new ConfigurationError(
      path,
      reader.line,
      `group ${group} has ${pairs.length} pairs, ${PAIR_LIMIT} are possible`,
    );
  }
  return pairs;
}

function readLuns(path: string, where: string, reader: MapReader): Record<string, number> {
  return Object.fromEntries(
    reader.entries().map(({ key, value }) => [key, integerOf(path, `${where}.${key}`, value, 0, LUN_LIMIT)]),
  );
}

/** A LUN serves one purpose: the same one as two volumes, or as volume and journal, is a slip of the pen. */
function refuseSharedLuns(path: string, reader: MapReader, groups: ReadonlyMap<string, GroupDefinition>): void {
  const used = new Map<string, string>();
  for (const { key, line } of reader.entries()) {
    const group = groups.get(key)!;
    for (const array of group.arrays) {
      const purposes: [number, string][] = [
        [group.journals[array]!, `the journal of ${key}`],
        ...group.pairs.map((pair): [number, string] => [pair.luns[array]!, `pair ${pair.name} of ${key}`]),
      ];
      for (const [lun, purpose] of purposes) {
        const other = used.get(`${array}/${lun}`);
        if (other !== undefined) {
          throw new ConfigurationError(path, line, `LUN ${lun} of ${array} is both ${other} and ${purpose}`);
        }
        used.set(`${array}/${lun}`, purpose);
      }
    }
  }
}

function checkName(path: string, line: number, what: string, name: string): void {
  if (!NAME.test(name)) {
    throw new ConfigurationError(
      path,
      line,
      `"${name}" cannot name ${what}: 1 to 32 of letters, digits, "-", "_", "."`,
    );
  }
}
