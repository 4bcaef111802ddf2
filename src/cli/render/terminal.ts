/** What the CLI must know of a stream before it decides how to write to it. */
export interface StreamFacts {
  readonly isTTY: boolean;
  /** 0 on some serial consoles and under `script` without a terminal. */
  readonly columns: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;
export type ColourChoice = 'auto' | 'always' | 'never';

/**
 * Colour is decided for each stream alone: `--color` wins, then FORCE_COLOR, NO_COLOR (no-color.org: set and not
 * empty), TERM=dumb, and whether the stream is a terminal.
 */
export function wantsColour(choice: ColourChoice, environment: Environment, stream: StreamFacts): boolean {
  if (choice !== 'auto') return choice === 'always';
  const force = environment['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (environment['NO_COLOR']) return false;
  if (environment['TERM'] === 'dumb') return false;
  return stream.isTTY;
}

/** Box and arrow characters only where the locale says UTF-8 (cron runs with LANG=C). */
export function wantsUnicode(environment: Environment): boolean {
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  return /utf-?8/i.test(locale) && environment['TERM'] !== 'dumb';
}

/** Never 0: a division by it has hung spinners before. */
export function widthOf(stream: StreamFacts, environment: Environment): number {
  const stated = Number(environment['COLUMNS']);
  return stream.columns || (Number.isInteger(stated) && stated > 0 ? stated : 80);
}

/** A spinner needs a terminal that can tell its width; ora loops for ever on 0 columns. */
export function canSpin(stream: StreamFacts, environment: Environment): boolean {
  return stream.isTTY && stream.columns > 0 && environment['TERM'] !== 'dumb' && !environment['CI'];
}
