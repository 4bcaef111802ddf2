import type { ExitClassName } from './exit-classes.ts';

/** What went wrong, where, why, and what to do next: the four lines that every error prints. */
export interface FailureText {
  readonly what: string;
  readonly where?: string;
  readonly why: string;
  readonly next: string;
}

/** A failure that the CLI itself found. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exit: ExitClassName;
  readonly text: FailureText;
  /** More evidence for `--json`. */
  readonly evidence: Readonly<Record<string, unknown>>;

  constructor(exit: ExitClassName, text: FailureText, evidence: Readonly<Record<string, unknown>> = {}) {
    super(`${text.what}: ${text.why}`);
    this.exit = exit;
    this.text = text;
    this.evidence = evidence;
  }
}

export function usageError(what: string, why: string, next: string): CliError {
  return new CliError('usage', { what, why, next });
}
