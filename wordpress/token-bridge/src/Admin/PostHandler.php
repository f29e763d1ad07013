<?php
/**
 * A form or link of the admin that changes something.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Admin;

use TokenBridge\Feature;

defined( 'ABSPATH' ) || exit;

/**
 * Checks nonce and capability before anything else, then handles the request and returns to a page.
 *
 * All handlers of the plugin extend this class; a test fails on one that registers itself in another way.
 */
abstract class PostHandler implements Feature {

	public const PREFIX = 'token_bridge_';

	/**
	 * Returns the name of the action, without prefix.
	 */
	abstract public function action(): string;

	/**
	 * Returns the capability that the person needs.
	 */
	abstract protected function capability(): string;

	/**
	 * Does the work and returns the address to go to.
	 */
	abstract protected function handle(): string;

	final public function register(): void {
		add_action( 'admin_post_' . self::PREFIX . $this->action(), [ $this, 'receive' ] );
	}

	/**
	 * Receives the request; ends it.
	 */
	final public function receive(): void {
		check_admin_referer( self::PREFIX . $this->action() );
		if ( ! current_user_can( $this->capability() ) ) {
			wp_die( esc_html__( 'You are not allowed to do this.', 'token-bridge' ), 403 );
		}
		// The console is on another host, whose address comes from the connection and never from the request.
		wp_redirect( $this->handle() ); // phpcs:ignore WordPress.Security.SafeRedirect -- see above.
		exit;
	}

	/**
	 * Returns the address that does this action, with a nonce.
	 */
	final public static function url( string $action ): string {
		return wp_nonce_url( admin_url( 'admin-post.php?action=' . self::PREFIX . $action ), self::PREFIX . $action );
	}

	/**
	 * Prints the hidden fields of a form for this action.
	 */
	final public static function fields( string $action ): void {
		echo '<input type="hidden" name="action" value="' . esc_attr( self::PREFIX . $action ) . '">';
		wp_nonce_field( self::PREFIX . $action );
	}

	/**
	 * Returns a text of the form; an empty string without it.
	 */
	final protected function posted( string $name ): string {
		$value = wp_unslash( $_POST[ $name ] ?? '' ); // phpcs:ignore -- receive() has checked the nonce.
		return is_string( $value ) ? sanitize_textarea_field( $value ) : '';
	}
}
