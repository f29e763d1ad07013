<?php
/**
 * Messages for one person, shown once.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Admin;

defined( 'ABSPATH' ) || exit;

final class Notices {

	private const SECONDS = 300;
	private const NAME    = 'token_bridge_notice_';

	/**
	 * Keeps a message for the next page of the current user.
	 *
	 * @param string $type `success`, `error`, `warning` or `info`.
	 */
	public static function add( string $type, string $sentence ): void {
		set_transient( self::NAME . get_current_user_id(), [ $type, $sentence ], self::SECONDS );
	}

	/**
	 * Prints the kept message, if there is one.
	 */
	public static function show(): void {
		$kept = get_transient( self::NAME . get_current_user_id() );
		if ( ! is_array( $kept ) ) {
			return;
		}
		delete_transient( self::NAME . get_current_user_id() );
		echo '<div class="notice notice-' . esc_attr( $kept[0] ) . '" role="status"><p>' . esc_html( $kept[1] ) . '</p></div>';
	}
}
