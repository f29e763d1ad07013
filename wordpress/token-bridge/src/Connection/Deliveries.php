<?php
/**
 * The way in which changes of the shop reach the bridge.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Brings webhooks and bridge in line with the setting: webhooks beside the plugin's own deliveries, or those alone.
 */
final class Deliveries {

	/** The setting. */
	public const WITHOUT_WEBHOOKS = 'without_webhooks';

	/** @var ConnectionOption */
	private $option;

	/** @var Transport */
	private $transport;

	/** @var Webhooks */
	private $webhooks;

	/** @var Settings */
	private $settings;

	public function __construct( ConnectionOption $option, Transport $transport, Webhooks $webhooks, Settings $settings ) {
		$this->option    = $option;
		$this->transport = $transport;
		$this->webhooks  = $webhooks;
		$this->settings  = $settings;
	}

	/**
	 * Applies the setting; the answer of the bridge is null where there is no store.
	 *
	 * Webhooks are removed once the bridge has agreed: until then it would create them again.
	 */
	public function apply(): ?Answer {
		$connection = $this->option->load();
		if ( ! $connection->is_store() ) {
			return null;
		}
		$is_without = $this->settings->is_on( self::WITHOUT_WEBHOOKS );
		if ( ! $is_without ) {
			$this->webhooks->install( $connection );
		}
		$answer = $this->transport->send( Request::put( '/v1/store', [ 'deliveries' => $is_without ? 'plugin' : 'webhooks' ] )->patient() );
		if ( $is_without && $answer->is_ok() ) {
			$this->webhooks->remove( $connection );
		}
		return $answer;
	}

	/**
	 * Returns the result of the check of webhooks.
	 */
	public function check(): CheckResult {
		$connection = $this->option->load();
		$missing    = $this->webhooks->missing( $connection );
		if ( $this->settings->is_on( self::WITHOUT_WEBHOOKS ) ) {
			return $this->check_without( count( $missing ) === count( $connection->topics() ) );
		}
		if ( ! $missing ) {
			return new CheckResult( 'webhooks', CheckResult::OK, __( 'All webhooks are present and active.', 'token-bridge' ) );
		}
		/* translators: %s: list of topics */
		$sentence = __( 'Webhooks are missing or switched off: %s. Click "Repair".', 'token-bridge' );
		return new CheckResult( 'webhooks', CheckResult::FAILED, sprintf( $sentence, implode( ', ', $missing ) ) );
	}

	private function check_without( bool $is_done ): CheckResult {
		if ( $is_done ) {
			return new CheckResult( 'webhooks', CheckResult::OK, __( 'The plugin delivers every change itself, and no webhooks are used.', 'token-bridge' ) );
		}
		return new CheckResult( 'webhooks', CheckResult::WARNING, __( 'The plugin delivers every change itself, but there are still webhooks to Token Bridge. Click "Repair" to remove them.', 'token-bridge' ) );
	}
}
