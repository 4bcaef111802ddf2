import {
  constructFromEvents,
  EVENT_ID,
  getScalarValue,
  parseEvents,
  YAMLException,
  type Event,
  type ScalarEvent,
} from 'js-yaml';
import { ConfigurationError } from './configuration-error.ts';

/** A value with the line (from 1) it stands on, so that errors of meaning carry lines as errors of form do. */
export type Located =
  | { readonly kind: 'scalar'; readonly line: number; readonly value: string | number | boolean | null }
  | { readonly kind: 'list'; readonly line: number; readonly items: readonly Located[] }
  | { readonly kind: 'map'; readonly line: number; readonly entries: readonly LocatedEntry[] };

export interface LocatedEntry {
  readonly key: string;
  readonly line: number;
  readonly value: Located;
}

/** Reads one YAML 1.2 document. Anchors, aliases and tags are refused: a configuration says each thing where it stands. */
export function parseLocated(source: string, path: string): Located {
  const reader = new EventReader(source, path);
  const documents = events(source, path);
  return reader.document(documents);
}

function events(source: string, path: string): Event[] {
  try {
    return parseEvents(source, { filename: path });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new ConfigurationError(path, (error.mark?.line ?? 0) + 1, error.reason);
  }
}

class EventReader {
  readonly #source: string;
  readonly #path: string;
  #events: Event[] = [];
  #next = 0;

  constructor(source: string, path: string) {
    this.#source = source;
    this.#path = path;
  }

  document(list: Event[]): Located {
    this.#events = list;
    if (list[0]?.type !== EVENT_ID.DOCUMENT || list[1] === undefined || list[1].type === EVENT_ID.POP) {
      throw new ConfigurationError(this.#path, 1, 'the file is empty');
    }
    this.#next = 1;
    const value = this.#value();
    if (this.#next + 1 < list.length) throw new ConfigurationError(this.#path, 1, 'more than one document in the file');
    return value;
  }

  #value(): Located {
    const event = this.#events[this.#next]!;
    this.#next += 1;
    switch (event.type) {
      case EVENT_ID.SCALAR:
        this.#refuseDecorations(event, event.valueStart);
        return { kind: 'scalar', line: this.#line(event.valueStart), value: this.#scalar(event) };
      case EVENT_ID.SEQUENCE:
        this.#refuseDecorations(event, event.start);
        return { kind: 'list', line: this.#line(event.start), items: this.#items() };
      case EVENT_ID.MAPPING:
        this.#refuseDecorations(event, event.start);
        return { kind: 'map', line: this.#line(event.start), entries: this.#entries() };
      case EVENT_ID.ALIAS:
        throw new ConfigurationError(this.#path, this.#line(event.anchorStart), 'aliases are not used here');
      default:
        throw new ConfigurationError(this.#path, 1, 'unexpected end');
    }
  }

  #items(): Located[] {
    const items: Located[] = [];
    while (!this.#popped()) items.push(this.#value());
    return items;
  }

  #entries(): LocatedEntry[] {
    const entries: LocatedEntry[] = [];
    while (!this.#popped()) {
      const key = this.#value();
      if (key.kind !== 'scalar') throw new ConfigurationError(this.#path, key.line, 'a key must be a word');
      const name = String(key.value);
      if (entries.some((entry) => entry.key === name)) {
        throw new ConfigurationError(this.#path, key.line, `"${name}" stands here twice`);
      }
      entries.push({ key: name, line: key.line, value: this.#value() });
    }
    return entries;
  }

  #popped(): boolean {
    if (this.#events[this.#next]?.type !== EVENT_ID.POP) return false;
    this.#next += 1;
    return true;
  }

  /** js-yaml's own schema decides what `10`, `0x10`, `true` and `"10"` mean. */
  #scalar(event: ScalarEvent): string | number | boolean | null {
    const document: Event = {
      type: EVENT_ID.DOCUMENT,
      explicitStart: false,
      explicitEnd: false,
      directives: [],
    };
    const [value] = constructFromEvents([document, event, { type: EVENT_ID.POP }], { source: this.#source });
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return value;
    return getScalarValue(this.#source, event);
  }

  #refuseDecorations(event: { anchorStart: number; tagStart: number }, at: number): void {
    if (event.anchorStart >= 0 || event.tagStart >= 0) {
      throw new ConfigurationError(this.#path, this.#line(at), 'anchors and tags are not used here');
    }
  }

  #line(offset: number): number {
    let line = 1;
    for (let at = this.#source.indexOf('\n'); at >= 0 && at < offset; at = this.#source.indexOf('\n', at + 1))
      line += 1;
    return line;
  }
}
