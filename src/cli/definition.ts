import type { CommandContext, CommandEvent } from './context.ts';
import type { ExitClassName } from './exit-classes.ts';
import type { View } from './render/view.ts';

/** What a command hands back; `data` is what `--json` shows and the text renderer draws. */
export interface CommandResult<Data extends object = object> {
  readonly data: Data;
  /** Present in commands that can change something. */
  readonly changed?: boolean;
  /** Absent: done. */
  readonly exit?: ExitClassName;
  /** Why it is not `done`, where a result and a failure belong together (partial, does-not-hold). */
  readonly note?: { readonly what: string; readonly why: string; readonly next: string; readonly where?: string };
}

export interface CommandModule<Request, Data extends object> {
  run(request: Request, context: CommandContext): Promise<CommandResult<Data>>;
}

export interface TextModule<Data extends object> {
  /** The whole text, without a final line end; empty: print nothing. */
  render(data: Data, view: View): string;
  /** One line for an event of a command that streams; undefined: say nothing. */
  renderEvent?(event: CommandEvent, view: View): string | undefined;
}

export interface ArgumentDefinition {
  readonly name: string;
  readonly doc: string;
  readonly optional?: boolean;
  readonly variadic?: boolean;
  readonly choices?: readonly string[];
}

export type OptionKind = 'flag' | 'text' | 'texts' | 'lun' | 'integer' | 'duration' | 'size';

export interface OptionDefinition {
  /** As commander writes it: `--interval <duration>`. */
  readonly flags: string;
  readonly doc: string;
  readonly kind: OptionKind;
  readonly choices?: readonly string[];
  readonly required?: boolean;
  readonly initial?: string | number;
  readonly conflicts?: readonly string[];
}

/** What is known of a command without loading it: enough for help and parsing. */
export interface CommandDefinition {
  /** `pair create`: the words on the command line, also its schema name. */
  readonly path: string;
  readonly summary: string;
  readonly arguments?: readonly ArgumentDefinition[];
  readonly options?: readonly OptionDefinition[];
  /** Takes `--dry-run` and reports `changed`. */
  readonly changes?: boolean;
  /** Takes `--confirm NAME`. */
  readonly destructive?: boolean;
  /** Reports events while it runs; `--json` then prints one object a line, `hello` first and `end` last. */
  readonly streams?: boolean;
  /** Watches `context.stop`: the first signal lets it come to a sound end, the second aborts. */
  readonly graceful?: boolean;
  /** Milliseconds that `--timeout` has where it is not given. */
  readonly timeoutMs?: number;
  readonly examples?: readonly string[];
  readonly hidden?: boolean;
  readonly load: () => Promise<CommandModule<never, object>>;
  readonly text: () => Promise<TextModule<never>>;
}

export const DEFAULT_TIMEOUT_MS = 30_000;
