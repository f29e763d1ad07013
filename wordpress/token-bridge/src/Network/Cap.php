<?php
/**
 * A monthly cap as people type it.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

use TokenBridge\Products\TokenAmount;

defined( 'ABSPATH' ) || exit;

final class Cap {

	/**
	 * Returns whether a text is a cap: empty for none, 0 for nothing at all, or an amount.
	 */
	public static function is_valid( string $typed ): bool {
		return in_array( trim( $typed ), [ '', '0' ], true ) || null !== TokenAmount::read( $typed );
	}

	/**
	 * Returns the cap in tokens; null for none.
	 */
	public static function read( string $typed ): ?int {
		return '0' === trim( $typed ) ? 0 : TokenAmount::read( $typed );
	}
}
