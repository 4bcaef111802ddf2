import { ConfigurationError } from './configuration-error.ts';
import type { Located, LocatedEntry } from './located.ts';

/** Strict access to a located value: everything asked for is checked, everything not asked for is refused. */
export class MapReader {
  readonly path: string;
  readonly line: number;
  readonly #where: string;
  readonly #entries: readonly LocatedEntry[];
  readonly #asked = new Set<string>();

  /** With `known`, any other key is refused at once: before a misspelt key is reported as a missing one. */
  constructor(path: string, where: string, value: Located, known?: readonly string[]) {
    if (value.kind !== 'map') {
      throw new ConfigurationError(path, value.line, `${where} must be a map of names to values`);
    }
    this.path = path;
    this.line = value.line;
    this.#where = where;
    this.#entries = value.entries;
    if (known) this.#refuseOthers(known);
  }

  entries(): readonly LocatedEntry[] {
    return this.#entries;
  }

  optional(key: string): Located | undefined {
    this.#asked.add(key);
    return this.#entries.find((entry) => entry.key === key)?.value;
  }

  required(key: string): Located {
    const value = this.optional(key);
    if (value === undefined) {
      throw new ConfigurationError(this.path, this.line, `${this.#where} lacks "${key}"`);
    }
    return value;
  }

  text(key: string): string {
    return textOf(this.path, `${this.#where}.${key}`, this.required(key));
  }

  optionalText(key: string): string | undefined {
    const value = this.optional(key);
    return value === undefined ? undefined : textOf(this.path, `${this.#where}.${key}`, value);
  }

  integer(key: string, least: number, most: number): number {
    return integerOf(this.path, `${this.#where}.${key}`, this.required(key), least, most);
  }

  map(key: string): MapReader {
    return new MapReader(this.path, `${this.#where}.${key}`, this.required(key));
  }

  list(key: string): readonly Located[] {
    const value = this.required(key);
    if (value.kind !== 'list') {
      throw new ConfigurationError(this.path, value.line, `${this.#where}.${key} must be a list`);
    }
    return value.items;
  }

  /** Call last, where the keys are not known before: a key that nobody asked for is a mistake. */
  end(): void {
    this.#refuseOthers([...this.#asked]);
  }

  #refuseOthers(known: readonly string[]): void {
    for (const entry of this.#entries) {
      if (!known.includes(entry.key)) {
        throw new ConfigurationError(
          this.path,
          entry.line,
          `unknown key "${entry.key}" in ${this.#where}; known are: ${known.join(', ')}`,
        );
      }
    }
  }
}

export function textOf(path: string, where: string, value: Located): string {
  if (value.kind !== 'scalar' || typeof value.value !== 'string' || value.value === '') {
    throw new ConfigurationError(path, value.line, `${where} must be text${hint(value)}`);
  }
  return value.value;
}

export function integerOf(path: string, where: string, value: Located, least: number, most: number): number {
  const number = value.kind === 'scalar' ? value.value : undefined;
  if (typeof number !== 'number' || !Number.isInteger(number) || number < least || number > most) {
    throw new ConfigurationError(
      path,
      value.line,
      `${where} must be ${least === most ? least : `a whole number from ${least} to ${most}`}`,
    );
  }
  return number;
}

function hint(value: Located): string {
  return value.kind === 'scalar' && typeof value.value === 'number' ? ' (put it in quotes)' : '';
}
