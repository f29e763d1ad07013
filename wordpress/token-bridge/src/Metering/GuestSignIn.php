<?php
/**
 * Visitors who sign in or register.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Metering;

use TokenBridge\Connection\Connection;
use TokenBridge\Feature;
use TokenBridge\Outbox\CallDelivery;
use TokenBridge\Outbox\Outbox;

defined( 'ABSPATH' ) || exit;

/**
 * Counts what a visitor used for free toward the free limits of the user they sign in as, and ends their cookie.
 *
 * The call waits in the outbox until the bridge has accepted it.
 */
final class GuestSignIn implements Feature {

	/** @var Connection */
	private $connection;

	/** @var Outbox */
	private $outbox;

	public function __construct( Connection $connection, Outbox $outbox ) {
		$this->connection = $connection;
		$this->outbox     = $outbox;
	}

	public function register(): void {
		if ( ! $this->connection->is_store() ) {
			return;
		}
		// Not `wp_login`: a shop signs in those who register at checkout without it.
		add_action( 'set_logged_in_cookie', [ $this, 'bring' ], 10, 4 );
		add_action( 'init', [ $this, 'bring_later' ] );
	}

	/**
	 * Brings the use along at the moment of the sign-in.
	 *
	 * @param string     $cookie     The cookie of the session.
	 * @param int        $expire     When the browser drops it.
	 * @param int        $expiration When the session ends.
	 * @param int|string $user_id    The user.
	 */
	public function bring( $cookie, $expire, $expiration, $user_id ): void {
		$this->add( (int) $user_id );
	}

	/**
	 * Does the same in the next request, for sign-ins that use no cookie of WordPress.
	 */
	public function bring_later(): void {
		if ( isset( $_COOKIE[ Guest::COOKIE ] ) && is_user_logged_in() ) {
			$this->add( get_current_user_id() );
		}
	}

	private function add( int $user_id ): void {
		$guest = Guest::known();
		// While the cookie cannot be ended, each page would add the same call again.
		if ( '' === $guest || $user_id < 1 || headers_sent() ) {
			return;
		}
		$this->outbox->add(
			CallDelivery::TOPIC,
			'guest-' . wp_generate_uuid4(),
			[
				'path' => '/v1/users/' . $user_id . '/merge-guest',
				'body' => [ 'guest' => [ 'id' => $guest ] ],
			]
		);
		do_action( 'token_bridge_outbox_filled' );
		Guest::forget();
	}
}
