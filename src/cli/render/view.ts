import { Chalk } from 'chalk';
import type { Environment, StreamFacts } from './terminal.ts';
import { wantsColour, wantsUnicode, widthOf, type ColourChoice } from './terminal.ts';

type Paint = (text: string) => string;

/** How text is to look on one stream: colours, characters, width. */
export interface View {
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly faint: Paint;
  readonly strong: Paint;
  readonly accent: Paint;
  readonly unicode: boolean;
  readonly width: number;
}

export function createView(stream: StreamFacts, environment: Environment, choice: ColourChoice): View {
  const chalk = new Chalk({ level: wantsColour(choice, environment, stream) ? 1 : 0 });
  return {
    good: chalk.green,
    bad: chalk.red,
    warn: chalk.yellow,
    faint: chalk.dim,
    strong: chalk.bold,
    accent: chalk.cyan,
    unicode: wantsUnicode(environment),
    width: widthOf(stream, environment),
  };
}
