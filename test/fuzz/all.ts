import type { Fuzzer } from './fuzzer.ts';
import { configuration } from './configuration.ts';
import { deviceServer } from './device-server.ts';
import { interfaceBlocks } from './interface-blocks.ts';
import { framing } from './framing.ts';
import { initiator } from './initiator.ts';
import { memoryLeft } from './memory.ts';
import { pduStream } from './pdu-stream.ts';
import { scsiAnswers } from './scsi-answers.ts';
import { transfers } from './transfers.ts';
import { storage } from './storage.ts';
import { targetLogin } from './target-login.ts';
import { targetSession } from './target-session.ts';

export const FUZZERS: readonly Fuzzer[] = [
  pduStream,
  framing,
  targetLogin,
  targetSession,
  initiator,
  transfers,
  deviceServer,
  interfaceBlocks,
  scsiAnswers,
  configuration,
  storage,
  memoryLeft,
];
