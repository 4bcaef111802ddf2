import { CliError } from '../cli-error.ts';

/** Something wrong in a file, with the line it stands on (from 1). */
export class ConfigurationError extends CliError {
  readonly path: string;
  readonly line: number;

  constructor(path: string, line: number, why: string, next = `correct line ${line} of ${path}`) {
    super('configuration', { what: 'the configuration is wrong', where: `${path}:${line}`, why, next }, { path, line });
    this.path = path;
    this.line = line;
  }
}
