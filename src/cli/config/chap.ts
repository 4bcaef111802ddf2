import { ConfigurationError } from './configuration-error.ts';
import type { Located } from './located.ts';
import { MapReader } from './reader.ts';

/** Where a secret stands: in a file, or in a variable of the environment. */
export type SecretSource = { readonly file: string } | { readonly variable: string };

/** The CHAP user of an `iscsi://user@...` URL; with `target`, who the target must prove to be in return. */
export interface ChapDefinition {
  readonly secret: SecretSource;
  readonly target?: { readonly user: string; readonly secret: SecretSource };
}

/** POSIX: what every shell can set. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SOURCE_KEYS = ['secret-file', 'secret-env'];

/** The section `chap` of the configuration, by user name. Throws `ConfigurationError`. */
export function readChap(path: string, value: Located | undefined): Map<string, ChapDefinition> {
  if (value === undefined) return new Map();
  const section = new MapReader(path, 'chap', value);
  return new Map(section.entries().map(({ key, value: item }) => [key, readUser(path, `chap.${key}`, item)]));
}

function readUser(path: string, where: string, value: Located): ChapDefinition {
  const user = new MapReader(path, where, value, [...SOURCE_KEYS, 'target']);
  const secret = readSource(path, where, user);
  const target = user.optional('target');
  if (target === undefined) return { secret };
  const proof = new MapReader(path, `${where}.target`, target, [...SOURCE_KEYS, 'user']);
  return { secret, target: { user: proof.text('user'), secret: readSource(path, `${where}.target`, proof) } };
}

function readSource(path: string, where: string, reader: MapReader): SecretSource {
  const file = reader.optionalText('secret-file');
  const variable = reader.optionalText('secret-env');
  if ((file === undefined) === (variable === undefined)) {
    throw new ConfigurationError(path, reader.line, `${where} needs one of "secret-file" and "secret-env"`);
  }
  if (variable === undefined) return { file: file! };
  if (VARIABLE.test(variable)) return { variable };
  throw new ConfigurationError(path, reader.line, `"${variable}" cannot name a variable of the environment`);
}
