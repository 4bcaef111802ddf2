import type { Random } from '../../src/base/random.ts';
import { LUN, Script } from '../iscsi/initiator-script.ts';
import { createBench } from '../iscsi/target/wire.ts';
import { slowPdu } from '../iscsi/slow-pdu.ts';
import { ensure, pick, type Fuzzer } from './fuzzer.ts';

/** A transfer that is right up to its last PDU, and one lie in that: what is checked last is reached. */

const LIES = ['none', 'too long', 'offset', 'number', 'tag', 'twice'] as const;
type Lie = (typeof LIES)[number];

const PIECE = 256;
const PIECES = 4;
const LENGTH = PIECE * PIECES;
const MARK = 0xa5;

interface Piece {
  readonly number: number;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly rightTag: boolean;
  readonly last: boolean;
}

function pieces(random: Random, lie: Lie): Piece[] {
  const sound = Array.from({ length: PIECES }, (_, number) => ({
    number,
    offset: number * PIECE,
    data: new Uint8Array(PIECE).fill(MARK),
    rightTag: true,
    last: number === PIECES - 1,
  }));
  const at = lie === 'too long' ? PIECES - 1 : random.below(PIECES);
  const piece = sound[at]!;
  const other = pick(random, [1, 4, 2 ** 31, 2 ** 32 - 1]);
  switch (lie) {
    case 'none':
      return sound;
    case 'too long':
      return sound.with(at, { ...piece, data: new Uint8Array(PIECE + 1 + random.below(8)).fill(MARK) });
    case 'offset':
      return sound.with(at, { ...piece, offset: (piece.offset + other) % 2 ** 32 });
    case 'number':
      return sound.with(at, { ...piece, number: (piece.number + other) % 2 ** 32 });
    case 'tag':
      return sound.with(at, { ...piece, rightTag: false });
    case 'twice':
      return sound.toSpliced(at, 0, { ...piece, last: false });
  }
}

/** A READ of this side, answered by a target that lies. */
function playDataIn(random: Random, lie: Lie): void {
  const script = new Script();
  script.sent();
  script.play(script.loginPdu([1, 3], ['MaxRecvDataSegmentLength=8192']));
  const guard = new Uint8Array(LENGTH + 64);
  const dataIn = guard.subarray(32, 32 + LENGTH);
  const outcomes: string[] = [];
  script.engine.submit(
    {
      lun: Buffer.from(LUN, 'hex'),
      cdb: new Uint8Array(16),
      deadlineMs: 60_000,
      dataIn,
      done: ({ kind }) => void outcomes.push(kind),
    },
    1000,
  );
  const [command] = script.sent();
  for (const { number, offset, data, rightTag, last } of pieces(random, lie)) {
    const fields = [
      [0, 1, 0x25],
      [1, 1, last ? 0x81 : 0],
      [16, 4, rightTag ? command!.at(16, 4) : 0x7777_7777],
      [20, 4, 0xffff_ffff],
      [24, 4, last ? script.statSn++ : 0],
      [28, 4, script.expCmdSn + 1 - 2 ** 32],
      [32, 4, 32],
      [36, 4, number],
      [40, 4, offset],
    ] as const;
    script.engine.receive(
      slowPdu({ fields: fields.map(([at, size, value]) => [at, size, (value + 2 ** 32) % 2 ** 32]), data }),
      1000,
    );
  }
  const beside = [...guard.subarray(0, 32), ...guard.subarray(32 + LENGTH)];
  ensure(
    beside.every((byte) => byte === 0),
    () => `data went beside its buffer: ${lie}`,
  );
  const answered = outcomes.includes('answered');
  ensure(
    answered === (lie === 'none'),
    () => `a read with the lie "${lie}" ended as ${outcomes.join(', ') || 'nothing'}`,
  );
  script.engine.connectionLost('the end', 1000);
  ensure(outcomes.length === 1, () => `a read with the lie "${lie}" ended ${outcomes.length} times`);
}

/** A WRITE to this side, by an initiator that lies. */
function playDataOut(random: Random, lie: Lie): void {
  const wire = createBench().connect();
  wire.login(['InitialR2T=Yes', 'ImmediateData=No']);
  const [r2t] = wire.command({ tag: 5, flags: 0xa0, length: LENGTH });
  const transferTag = r2t!.at(20, 4);
  for (const { number, offset, data, rightTag, last } of pieces(random, lie)) {
    if (wire.tasks.length > 0) break;
    wire.dataOut({
      tag: 5,
      transferTag: rightTag ? transferTag : transferTag + 1,
      dataSn: number,
      offset,
      data,
      final: last,
    });
  }
  ensure((wire.tasks.length === 1) === (lie === 'none'), () => `a write with the lie "${lie}" was carried out`);
  for (const { dataOut } of wire.tasks) {
    ensure(dataOut.length === LENGTH && dataOut.every((byte) => byte === MARK), () => 'other data than was sent');
  }
  wire.connection.lost();
}

export const transfers: Fuzzer = {
  name: 'transfers',
  promise: 'of a transfer with one lie nothing is answered as done, whatever was right before it',
  round(random) {
    for (let turn = 0; turn < 20; turn += 1) {
      playDataIn(random, pick(random, LIES));
      playDataOut(random, pick(random, LIES));
    }
    return 40 * PIECES;
  },
};
