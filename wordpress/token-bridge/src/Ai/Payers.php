<?php
/**
 * Who pays for a prompt.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * The person who asked pays, unless the owner chose an account of the site or made the module free.
 */
final class Payers {

	/** Values of a module in the setting `ai_payers`; anything else is the current user. */
	public const SITE = 'site';
	public const FREE = 'free';

	/** @var Settings */
	private $settings;

	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/**
	 * Returns the user who pays; 0 for a visitor or where no account is chosen, null where nothing is charged.
	 */
	public function find( string $module, string $plugin, string $ability ): ?int {
		$rule    = $this->settings->map( 'ai_payers' )[ $module ] ?? '';
		$user_id = self::SITE === $rule || ( 0 === get_current_user_id() && ! $this->is_visit() ) ? $this->settings->number( 'ai_site_user' ) : get_current_user_id();
		$user_id = self::FREE === $rule ? null : $user_id;
		$found   = apply_filters( 'token_bridge_ai_payer', $user_id, $module, $plugin, $ability );
		return null === $found ? null : (int) $found;
	}

	/**
	 * Returns whether a browser asked, and no background task.
	 */
	private function is_visit(): bool {
		return ! wp_doing_cron() && ! ( defined( 'WP_CLI' ) && WP_CLI ) && 'cli' !== PHP_SAPI;
	}
}
