import { createTextCollector, encodeText, splitText, type TextCollector, type TextPair } from '../text.ts';
import { parseNumber } from '../negotiation.ts';

export interface TextAnswers {
  /** One data segment; `continues` where another follows when the initiator asks for it. */
  readonly segment: Uint8Array;
  readonly continues: boolean;
  readonly complete: boolean;
}

export interface TextContext {
  readonly targetName: string;
  /** `address:port,tag` */
  readonly targetAddress: string;
  readonly discovery: boolean;
  /** False where the initiator may not know of the target. */
  readonly shown: boolean;
  readonly maxSegmentLength: number;
  /** MaxRecvDataSegmentLength may be declared anew in the full feature phase. */
  setMaxSendDataSegmentLength(byteLength: number): void;
}

const NOTHING = new Uint8Array(0);

/** Text requests of the full feature phase (RFC 7143 section 11.10), one exchange at a time: SendTargets above all. */
export class TextExchange {
  private readonly context: TextContext;
  private collector: TextCollector = createTextCollector();
  private rest: Uint8Array[] = [];

  constructor(context: TextContext) {
    this.context = context;
  }

  /** A request with a new task tag gives up what was left of the exchange before. */
  restart(): void {
    this.collector = createTextCollector();
    this.rest = [];
  }

  /** Undefined where the request breaks the rules and must be rejected. */
  receive(data: Uint8Array, continues: boolean): TextAnswers | undefined {
    if (this.rest.length === 0) {
      const pairs = this.collector.append(data, continues);
      if (!pairs.ok) return undefined;
      if (pairs.value === undefined) return { segment: NOTHING, continues: false, complete: false };
      const answers = answersTo(pairs.value, this.context);
      if (!answers) return undefined;
      this.rest = splitText(encodeText(answers), this.context.maxSegmentLength);
    }
    const segment = this.rest.shift() ?? NOTHING;
    const more = this.rest.length > 0;
    return { segment, continues: more, complete: !more };
  }
}

function answersTo(pairs: readonly TextPair[], context: TextContext): TextPair[] | undefined {
  const answers: TextPair[] = [];
  for (const [key, value] of pairs) {
    const answer = answerTo(key, value, context);
    if (!answer) return undefined;
    answers.push(...answer);
  }
  return answers;
}

function answerTo(key: string, value: string, context: TextContext): TextPair[] | undefined {
  if (key === 'SendTargets') return sendTargets(value, context);
  if (key !== 'MaxRecvDataSegmentLength') return [[key, 'NotUnderstood']];
  const byteLength = parseNumber(value);
  if (byteLength === undefined || byteLength < 512 || byteLength > 0xff_ffff) return undefined;
  context.setMaxSendDataSegmentLength(byteLength);
  return [];
}

/** RFC 7143 appendix C: All, the name of one target, or nothing for the target of this session. */
function sendTargets(value: string, context: TextContext): TextPair[] | undefined {
  const own = context.targetName;
  const wanted = value === 'All' || value.toLowerCase() === own.toLowerCase() || (value === '' && !context.discovery);
  if (!wanted) return undefined;
  if (!context.shown) return [];
  return [
    ['TargetName', own],
    ['TargetAddress', context.targetAddress],
  ];
}
