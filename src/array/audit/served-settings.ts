import { createHash } from 'node:crypto';
import type { Storage } from '../../base/storage.ts';
import type { AuditLog } from './audit-log.ts';

/**
 * What an array serves by files that whoever owns its directory may edit while it is stopped: names, and what stands there.
 * Never a secret: of one only when its file was last written.
 */
export type ServedSettings = Readonly<Record<string, string>>;

const FILE = 'served';
const NEW_FILE = 'served.new';
const FORMAT = 1;
/** A record of the audit is one line of at most 4096 bytes. */
const WORDS_LIMIT = 1200;
const VALUE_LIMIT = 80;

/** Tells the audit what is otherwise than when the array was last served; resolves with whether anything is. */
export async function recordSettings(
  { storage, audit }: { readonly storage: Storage; readonly audit: Pick<AuditLog, 'append'> },
  settings: ServedSettings,
): Promise<boolean> {
  const before = readSettings(storage);
  const why = before ? settingsChange(before, settings) : 'what was served before is not known';
  if (why !== '') await audit.append({ event: 'configured', digest: digestOf(settings), why });
  return why !== '';
}

/** For the next start. After the audit has told of them: should that come to nothing, the next start tells once more. */
export async function keepSettings(storage: Storage, settings: ServedSettings): Promise<void> {
  const file = storage.open(NEW_FILE);
  try {
    file.truncate(0);
    file.write(new TextEncoder().encode(`${JSON.stringify({ format: FORMAT, settings })}\n`), 0);
    await file.flush();
  } finally {
    file.close();
  }
  await storage.rename(NEW_FILE, FILE);
}

/** In words, one for each name that is otherwise; empty where none is. */
export function settingsChange(before: ServedSettings, after: ServedSettings, limit = WORDS_LIMIT): string {
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const names = [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name));
  const told: string[] = [];
  let length = 0;
  for (const name of names) {
    const words = `${name}: ${valueOf(old.get(name))}, now ${valueOf(now.get(name))}`;
    length += words.length + 2;
    if (length > limit) return [...told, `and ${names.length - told.length} more`].join('; ');
    told.push(words);
  }
  return told.join('; ');
}

function valueOf(text: string | undefined): string {
  if (text === undefined) return 'nothing';
  return text.length > VALUE_LIMIT ? `${text.slice(0, VALUE_LIMIT)}...` : text;
}

function digestOf(settings: ServedSettings): string {
  const sorted = Object.entries(settings).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted), 'utf8').digest('hex');
}

/** Undefined where nothing was kept, or it cannot be read. */
function readSettings(storage: Storage): ServedSettings | undefined {
  if (!storage.exists(FILE)) return undefined;
  const file = storage.open(FILE);
  try {
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0);
    const kept = JSON.parse(new TextDecoder().decode(bytes)) as { format?: unknown; settings?: unknown };
    const { format, settings } = kept;
    return format === FORMAT && typeof settings === 'object' && settings !== null
      ? (settings as ServedSettings)
      : undefined;
  } catch {
    return undefined;
  } finally {
    file.close();
  }
}
