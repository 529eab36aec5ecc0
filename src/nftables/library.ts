import koffi from 'koffi'

/** nftables/libnftables.h */
const NFT_CTX_DEFAULT = 0
const NFT_CTX_OUTPUT_JSON = 1 << 4

const library = 'libnftables.so.1'

/** Commands in the syntax of nft(8), or as JSON, through libnftables(3): no process is started. */
export interface NftLibrary {
  /** Runs the commands as one transaction, and returns what they print, as JSON. @throws {NftError} */
  run(commands: string): string
}

/** nft refused a command. */
export class NftError extends Error {
  override name = 'NftError'
}

let opened: NftLibrary | undefined

/** Loads the library at the first call. @throws {Error} where the machine has none */
export function openNftLibrary(): NftLibrary {
  opened ??= load()
  return opened
}

function load(): NftLibrary {
  const nft = koffi.load(library)
  const create = nft.func('void *nft_ctx_new(uint32_t flags)')
  const free = nft.func('void nft_ctx_free(void *ctx)')
  const setFlags = nft.func('void nft_ctx_output_set_flags(void *ctx, unsigned int flags)')
  const bufferOutput = nft.func('int nft_ctx_buffer_output(void *ctx)')
  const bufferError = nft.func('int nft_ctx_buffer_error(void *ctx)')
  const runCommands = nft.func('int nft_run_cmd_from_buffer(void *ctx, const char *buffer)')
  const output = nft.func('const char *nft_ctx_get_output_buffer(void *ctx)')
  const errors = nft.func('const char *nft_ctx_get_error_buffer(void *ctx)')
  return {
    run(commands) {
      // A context remembers link names and what it read of the kernel: each command gets a fresh one.
      const context = create(NFT_CTX_DEFAULT)
      try {
        bufferOutput(context)
        bufferError(context)
        setFlags(context, NFT_CTX_OUTPUT_JSON)
        if (runCommands(context, commands) !== 0) {
          throw new NftError(firstLine(errors(context)))
        }
        return output(context) as string
      } finally {
        free(context)
      }
    },
  }
}

const firstLine = (text: string): string =>
  text
    .split('\n', 1)[0]
    ?.replace(/^.*?Error: /, '')
    .trim() || 'unknown error'
