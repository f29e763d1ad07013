<?php
/**
 * Grants by other plugins.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Users;

use TokenBridge\Feature;
use TokenBridge\Outbox\CallDelivery;
use TokenBridge\Outbox\Outbox;

defined( 'ABSPATH' ) || exit;

/**
 * Lets memberships, courses and others grant tokens: `do_action( 'token_bridge_grant', $user_id, $tokens, $key, $reason )`.
 *
 * The key names the occasion, such as "course-12-user-7". The same key grants once, however often the action runs.
 */
final class GrantAction implements Feature {

	/** @var Outbox */
	private $outbox;

	public function __construct( Outbox $outbox ) {
		$this->outbox = $outbox;
	}

	public function register(): void {
		add_action( 'token_bridge_grant', [ $this, 'grant' ], 10, 4 );
	}

	/**
	 * @param int|string $user_id The user.
	 * @param int|string $tokens  Tokens to add, above 0.
	 * @param string     $key     Names the occasion.
	 * @param string     $reason  For the ledger.
	 */
	public function grant( $user_id, $tokens, $key, $reason = '' ): void {
		$user = get_userdata( (int) $user_id );
		if ( ! $user || (int) $tokens < 1 || '' === (string) $key ) {
			_doing_it_wrong( 'token_bridge_grant', esc_html__( 'The action needs a user, a number of tokens above 0, and a key.', 'token-bridge' ), '0.1.0' );
			return;
		}
		$body = [
			'tokens' => (int) $tokens,
			'reason' => '' !== (string) $reason ? (string) $reason : (string) $key,
			'user'   => Profile::of( $user ),
		];
		$this->outbox->add(
			CallDelivery::TOPIC,
			'grant-' . md5( (string) $key ),
			[
				'path' => '/v1/users/' . $user->ID . '/adjustments',
				'body' => $body,
			]
		);
		do_action( 'token_bridge_outbox_filled' );
	}
}
