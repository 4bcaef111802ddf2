import type { Storage, StorageFile } from '../../src/base/storage.ts';
import type { SimParts } from './simulation.ts';

/** Mistakes planted between an array and its disk. A checker that does not find them is blind. */
export const MUTANTS: Readonly<Record<string, { readonly expect: readonly string[]; readonly parts: SimParts }>> = {
  'acknowledges before the journal is durable': {
    expect: ['I1-prefix', 'I2-durable'],
    parts: withFile({ powerCutEveryMs: 100 }, (file) =>
      file.name.endsWith('.journal') ? { ...file, flush: () => Promise.resolve() } : file,
    ),
  },
  'answers before the tables are durable': {
    expect: ['I4-once'],
    parts: withFile({}, (file) => (file.name === 'state' ? { ...file, flush: () => Promise.resolve() } : file)),
  },
  'forgets one write in forty on its way to an auxiliary volume': {
    expect: ['I1-prefix'],
    parts: withFile({ killEveryMs: 0, powerCutEveryMs: 0 }, forgetful()),
  },
  'frees the journal before its volumes are durable': {
    expect: ['I2-durable'],
    parts: withFile({ powerCutEveryMs: 100, longestWrite: 1 }, (file) =>
      file.name.endsWith('.data') ? { ...file, flush: () => Promise.resolve() } : file,
    ),
  },
};

type Wrap = (file: StorageFile, array: string) => StorageFile;

function withFile(options: NonNullable<SimParts['options']>, wrap: Wrap): SimParts {
  const storage = (inner: Storage, array: string): Storage => ({
    ...inner,
    open: (name) => wrap(inner.open(name), array),
  });
  return { options, wrappers: { storage } };
}

function forgetful(): Wrap {
  return (file, array) => {
    if (array !== 'osaka' || !file.name.endsWith('.data')) return file;
    let writes = 0;
    return {
      ...file,
      write(source, offset) {
        writes += 1;
        if (writes % 40 !== 0) file.write(source, offset);
      },
    };
  };
}
