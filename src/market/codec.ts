/** The market's bytes, for whoever stores, sends or compares them: the one door to the codec files beside this one. */
export {
  decodeBatch,
  decodeCommand,
  encodeBatch,
  encodeCommand,
  openSequencesMax,
  readCommand,
  writeCommand,
} from "./command-codec.ts";
export { readDefinition, writeDefinition } from "./definition-codec.ts";
export { decodeReply, encodeReply, readAnswer, readReply, writeAnswer, writeReply } from "./reply-codec.ts";
export { answerHash, bodyHash, definitionHash, itemHash, orderHash } from "./row-hash.ts";
export {
  readHash,
  readItem,
  readOrder,
  readRequestId,
  writeHash,
  writeItem,
  writeOrder,
  writeRequestId,
} from "./value-codec.ts";
