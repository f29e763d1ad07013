<?php
/**
 * The plugins that use AI.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

defined( 'ABSPATH' ) || exit;

/**
 * Remembers which plugins called the AI client, and which called a provider without it.
 */
final class Callers {

	public const NAME = 'token_bridge_ai_callers';

	public const METERED = 'metered';
	public const DIRECT  = 'direct';

	/** Callers that are remembered. */
	private const MAX = 100;

	/**
	 * Returns what is known of each caller by its name.
	 *
	 * @return array<string, string> `metered` or `direct`.
	 */
	public function all(): array {
		$stored = get_option( self::NAME, [] );
		return is_array( $stored ) ? $stored : [];
	}

	/**
	 * Remembers a caller; writes only if it is new.
	 */
	public function note( string $plugin, string $how ): void {
		$known = $this->all();
		$key   = self::DIRECT === $how ? $plugin . ' (direct)' : $plugin;
		if ( '' !== $plugin && ! isset( $known[ $key ] ) && count( $known ) < self::MAX ) {
			update_option( self::NAME, $known + [ $key => $how ], false );
		}
	}
}
