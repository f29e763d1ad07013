<?php
/**
 * Webhooks of the stand-in: rows of a table.
 */

/**
 * One webhook; setters and getters exist for each of its values.
 */
class WC_Webhook {

	private $id     = 0;
	private $values = array();

	public function __construct( $id = 0 ) {
		global $wpdb;
		$row = $id ? $wpdb->get_row( $wpdb->prepare( "SELECT * FROM {$wpdb->prefix}wc_webhooks WHERE webhook_id = %d", $id ), ARRAY_A ) : null;
		if ( $row ) {
			$this->id = (int) $row['webhook_id'];
			unset( $row['webhook_id'] );
			$this->values = $row;
		}
	}

	public function __call( $name, $arguments ) {
		$field = substr( $name, 4 );
		if ( 0 === strpos( $name, 'set_' ) ) {
			$this->values[ $field ] = is_bool( $arguments[0] ) ? (int) $arguments[0] : $arguments[0];
			return null;
		}
		return $this->values[ $field ] ?? '';
	}

	public function get_id() {
		return $this->id;
	}

	public function save() {
		global $wpdb;
		if ( $this->id ) {
			$wpdb->update( $wpdb->prefix . 'wc_webhooks', $this->values, array( 'webhook_id' => $this->id ) );
		} else {
			$wpdb->insert( $wpdb->prefix . 'wc_webhooks', $this->values );
			$this->id = $wpdb->insert_id;
		}
		return $this->id;
	}

	public function delete( $force = false ) {
		global $wpdb;
		$wpdb->delete( $wpdb->prefix . 'wc_webhooks', array( 'webhook_id' => $this->id ) );
		return true;
	}
}

function wc_get_webhook( $id ) {
	$webhook = new WC_Webhook( $id );
	return $webhook->get_id() ? $webhook : null;
}

/**
 * The store of webhooks, the only one that the plugin asks for.
 */
class WC_Data_Store {

	public static function load( $type ) {
		return new self();
	}

	public function search_webhooks( $arguments ) {
		global $wpdb;
		return array_map( 'intval', $wpdb->get_col( "SELECT webhook_id FROM {$wpdb->prefix}wc_webhooks" ) );
	}
}
