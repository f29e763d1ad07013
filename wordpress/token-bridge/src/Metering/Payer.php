<?php
/**
 * The person who pays.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Metering;

use TokenBridge\Connection\Connection;
use TokenBridge\Users\Profile;

defined( 'ABSPATH' ) || exit;

/**
 * Names a user or guest in requests to the bridge.
 */
final class Payer {

	/** @var array<string, mixed> */
	private $named;

	/** @var int */
	private $user_id;

	/**
	 * @param array<string, mixed> $named The part of a request's body that names the person.
	 */
	private function __construct( array $named, int $user_id ) {
		$this->named   = $named;
		$this->user_id = $user_id;
	}

	/**
	 * Returns a user by ID, or the person who looks at the page.
	 *
	 * @return self|null Null if there is no such user, or the visitor cannot be named.
	 */
	public static function find( Connection $connection, ?int $user_id ): ?self {
		if ( $connection->is_linked_site() ) {
			return new self( [], get_current_user_id() );
		}
		$user = null === $user_id ? wp_get_current_user() : get_userdata( $user_id );
		if ( $user && $user->exists() ) {
			return new self( [ 'user' => Profile::of( $user ) ], (int) $user->ID );
		}
		$guest = null === $user_id || 0 === $user_id ? Guest::id() : '';
		return '' === $guest ? null : new self( [ 'guest' => [ 'id' => $guest ] ], 0 );
	}

	/**
	 * Returns the part of a request's body that names the person; empty on a linked site.
	 *
	 * @return array<string, mixed>
	 */
	public function body(): array {
		return $this->named;
	}

	/**
	 * Returns the user's ID; 0 for a guest.
	 */
	public function user_id(): int {
		return $this->user_id;
	}
}
