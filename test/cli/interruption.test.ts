import { describe, expect, it } from 'vitest';
import { CliError } from '../../src/cli/cli-error.ts';
import type { CommandDefinition } from '../../src/cli/definition.ts';
import { Interruption } from '../../src/cli/interruption.ts';

function interrupted(definition: Partial<CommandDefinition>) {
  const said: string[] = [];
  let raise: ((signal: string) => void) | undefined;
  const interruption = new Interruption(definition as CommandDefinition, (text) => said.push(text));
  interruption.listen((callback) => {
    raise = callback;
    return () => {
      raise = undefined;
    };
  });
  return {
    interruption,
    said,
    raise: (signal: string) => raise?.(signal),
    listens: () => raise !== undefined,
    state: () => ({ stop: interruption.stop.aborted, abort: interruption.abort.aborted }),
  };
}

describe('a signal', () => {
  it.each([{ streams: true }, { graceful: true }])(
    'lets a command of %j finish; the second breaks it off',
    (definition) => {
      const { raise, state, said, listens } = interrupted(definition);
      raise('SIGTERM');
      expect(state()).toEqual({ stop: true, abort: false });
      expect(said).toEqual(['SIGTERM: finishing what is in hand; once more to break it off']);
      raise('SIGINT');
      expect(state()).toEqual({ stop: true, abort: true });
      expect(listens()).toBe(false);
    },
  );

  it('breaks off a command that cannot finish early; the next one has its usual meaning', () => {
    const { raise, state, said, listens } = interrupted({});
    raise('SIGINT');
    expect(state()).toEqual({ stop: true, abort: true });
    expect({ said, listens: listens() }).toEqual({ said: [], listens: false });
  });

  it('explains the errors that follow from it, and only those', () => {
    const { interruption, raise } = interrupted({});
    const error = new Error('connection closed');
    expect(interruption.explain(error)).toBe(error);
    raise('SIGINT');
    const explained = interruption.explain(error);
    expect(explained).toBeInstanceOf(CliError);
    expect(explained).toMatchObject({
      exit: 'partial',
      text: { what: 'broken off by SIGINT', why: 'connection closed' },
    });
  });

  it('means nothing any more once the command is over', () => {
    const { interruption, listens } = interrupted({});
    interruption.end();
    expect(listens()).toBe(false);
  });
});
