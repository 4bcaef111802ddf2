import type { Configuration } from './config/configuration.ts';
import type { Environment } from './render/terminal.ts';
import type { Services } from './services.ts';

/** What a command is handed besides its request. It returns data; it prints nothing. */
export interface CommandContext {
  readonly services: Services;
  readonly environment: Environment;
  readonly timeoutMs: number;
  /** `--initiator-name`, as it goes to targets. */
  readonly initiatorName: string | undefined;
  readonly dryRun: boolean;
  /** Show every interface block, on standard error. */
  readonly verbose: boolean;
  /** Loads the configuration file once; throws `ConfigurationError`. */
  configuration(): Promise<Configuration>;
  /** Asks a person; undefined where no person sits at a terminal. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** `--confirm NAME` as given. */
  readonly confirm: string | undefined;
  /** First SIGINT or SIGTERM: finish what is in hand, then end. */
  readonly stop: AbortSignal;
  /** Second one: end now. */
  readonly abort: AbortSignal;
  /** Reports something that happened, in commands that stream. */
  emit(event: CommandEvent): void;
  /** A line for people on standard error, at once. */
  notice(text: string): void;
  /** Shows what is being waited for, on a terminal. */
  progress(text: string): void;
  /** Standard input to its end. */
  readInput(): Promise<Uint8Array>;
  /** Raw bytes on standard output, in commands that produce a file; not with `--json`. Resolves as `Output.taken`. */
  readonly writeBytes: ((bytes: Uint8Array) => Promise<boolean>) | undefined;
}

export interface CommandEvent {
  readonly event: string;
  readonly [detail: string]: unknown;
}
